import type { Socket } from 'node:net';

/**
 * The connections that are open. Whoever only dials proves nothing, so when there is no room, those give way that one address has the most of:
 * a flood costs its own, and a sidecar that follows the log keeps its connection.
 */
export interface Connections {
  /** Takes the connection, or destroys it when no address has more unproven ones than its own. */
  admit(socket: Socket): void;
  /** From now until `over` aborts, the connection of this peer (address:port) gives way to none. */
  keep(peer: string, over: AbortSignal): void;
  /** Closes the connection of a peer at once. */
  cut(peer: string): void;
  cutAll(): void;
}

export interface ConnectionsOptions {
  readonly max: number;
  readonly onAdmitted: (socket: Socket) => void;
}

interface Connection {
  readonly socket: Socket;
  readonly peer: string;
  /** The network that it came from. */
  readonly address: string;
  /** Streams for which it is kept. */
  keeps: number;
}

export function createConnections({ max, onAdmitted }: ConnectionsOptions): Connections {
  const byPeer = new Map<string, Connection>();
  /** In the order in which they came, or came to be unproven again. */
  const unproven = new Map<string, Set<Connection>>();

  function setUnproven(connection: Connection): void {
    const same = unproven.get(connection.address) ?? new Set();
    unproven.set(connection.address, same.add(connection));
  }

  function unsetUnproven(connection: Connection): void {
    const same = unproven.get(connection.address);
    same?.delete(connection);
    if (same?.size === 0) unproven.delete(connection.address);
  }

  /** The latest of the address with the most, when that has more than `address` would have with one more. */
  function givingWayTo(address: string): Connection | undefined {
    let most = new Set<Connection>();
    for (const same of unproven.values()) if (same.size > most.size) most = same;
    const own = unproven.get(address)?.size ?? 0;
    return most.size > own + 1 ? [...most].at(-1) : undefined;
  }

  function forget(connection: Connection): void {
    if (isKnown(connection)) byPeer.delete(connection.peer);
    unsetUnproven(connection);
  }

  function isKnown(connection: Connection): boolean {
    return byPeer.get(connection.peer) === connection;
  }

  return {
    admit(socket) {
      const connection = { socket, peer: peerOf(socket), address: networkOf(socket.remoteAddress), keeps: 0 };
      if (byPeer.size >= max) {
        const other = givingWayTo(connection.address);
        if (other === undefined) {
          socket.destroy();
          return;
        }
        // Its own `close` comes later; a second newcomer must not count it once more.
        forget(other);
        other.socket.destroy();
      }
      byPeer.set(connection.peer, connection);
      setUnproven(connection);
      socket.once('close', () => forget(connection));
      onAdmitted(socket);
    },
    keep(peer, over) {
      const connection = byPeer.get(peer);
      if (connection === undefined || over.aborted) return;
      connection.keeps += 1;
      unsetUnproven(connection);
      const release = () => {
        connection.keeps -= 1;
        if (connection.keeps === 0 && isKnown(connection)) setUnproven(connection);
      };
      over.addEventListener('abort', release, { once: true });
    },
    cut: (peer) => void byPeer.get(peer)?.socket.destroy(),
    cutAll() {
      for (const { socket } of byPeer.values()) socket.destroy();
    },
  };
}

/** Who has one IPv6 address has the 2^64 of its network (RFC 4291 section 2.5.4); an IPv4 address is one, however it is written. */
export function networkOf(address = ''): string {
  const v4 = /^(?:::ffff:)?(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (v4 !== undefined || !address.includes(':')) return v4 ?? address;
  const [head = [], tail = []] = address.split('::').map((part) => part.split(':').filter((group) => group !== ''));
  const groups = [...head, ...Array(Math.max(0, 8 - head.length - tail.length)).fill('0'), ...tail];
  return groups.slice(0, 4).join(':');
}

/** As gRPC names it. */
export function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress}:${remotePort}`;
}
