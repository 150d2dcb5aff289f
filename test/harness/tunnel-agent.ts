import { request } from 'node:http';
import { Agent } from 'node:https';
import { connect } from 'node:tls';

/** The cause is in the message: the proxy's status and, if it is ours, its code. */
export class TunnelRefused extends Error {
  readonly code: string;
  constructor(status: number | undefined, code: unknown) {
    super(`the proxy answered CONNECT with ${status}`);
    this.code = typeof code === 'string' ? code : String(status);
  }
}

/** Connections for https:// URLs as a client makes them that was told a proxy and its CA. Port and CA are asked for each connection. */
export function createTunnelAgent(proxyPort: () => number, caPem: () => string | Buffer): Agent {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  agent.createConnection = ({ host, port }, done) => {
    const authority = `${host}:${port}`;
    const asking = request({
      host: '127.0.0.1',
      port: proxyPort(),
      method: 'CONNECT',
      path: authority,
      headers: { host: authority },
      agent: false,
    });
    asking.on('connect', ({ statusCode, headers }, socket) => {
      if (statusCode !== 200) {
        socket.destroy();
        fail(new TunnelRefused(statusCode, headers['x-leasehold-error']));
        return;
      }
      const secure = connect({ socket, ca: caPem(), servername: String(host) }, () => done?.(null, secure));
      secure.once('error', fail);
    });
    asking.on('error', fail);
    asking.end();
    let isOver = false;
    function fail(why: Error): void {
      if (isOver) return;
      isOver = true;
      // On an error nobody looks at the socket that the type asks for.
      Reflect.apply(done ?? (() => undefined), undefined, [why]);
    }
    return undefined;
  };
  return agent;
}
