import { once } from 'node:events';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { openPeer, type Peer, peerOf } from './sockets.ts';

/** Opens a tunnel through the proxy, byte by byte. `headers` end their lines by themselves. Throws unless it is established. */
export async function openTunnel(proxyPort: number, authority: string, headers = ''): Promise<Peer> {
  const peer = await openPeer(proxyPort);
  peer.write(`CONNECT ${authority} HTTP/1.1\r\nhost: ${authority}\r\n${headers}\r\n`);
  await peer.until(/^HTTP\/1\.1 200 Connection Established\r\n\r\n/);
  peer.received = '';
  return peer;
}

export interface SecurePeer {
  readonly peer: Peer;
  readonly tls: TLSSocket;
  /** The first that the server gives. */
  readonly session: Promise<Buffer>;
}

/** TLS inside a tunnel, with a client that trusts what the options say. */
export async function tlsInside(tunnel: Peer, options: ConnectionOptions): Promise<SecurePeer> {
  tunnel.socket.removeAllListeners('data');
  const tls = connect({ socket: tunnel.socket, ...options });
  const peer = peerOf(tls);
  const session = new Promise<Buffer>((resolve) => tls.once('session', resolve));
  await once(tls, 'secureConnect');
  return { peer, tls, session };
}
