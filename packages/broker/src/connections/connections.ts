import type { Socket } from 'node:net';
import { networkOf } from './network-of.ts';

/**
 * The connections that are open. Whoever only dials proves nothing, so when there is no room, those give way that one network has the most of, and
 * among equals those that had their time: a flood costs its own, and a sidecar that follows the log keeps its connection.
 */
export interface Connections {
  /** Takes the connection, or destroys it when nobody has to give way to it. */
  admit(socket: Socket): void;
  /** Its handshake begins: the time that it has to prove itself runs from here, not from the queue. */
  begun(peer: string): void;
  /** It asked something whole that may be a proof: its time runs anew, so that nobody is cut off from the answer. */
  asked(peer: string): void;
  /** Something on it was proven: for a while it gives way to none. */
  proven(peer: string): void;
  /** Until `over` aborts, the connection of this peer (address:port) gives way to none. */
  keep(peer: string, over: AbortSignal): void;
  /** Closes the connection of a peer at once. */
  cut(peer: string): void;
  cutAll(): void;
}

export interface ConnectionsOptions {
  readonly max: number;
  /** An unproven connection that had this long gives way to a newcomer, ms. */
  readonly giveWayAfterMs: number;
  /** One on which nothing was ever proven is closed after this; one that was proven counts as unproven again, ms. */
  readonly proveWithinMs: number;
  readonly now: () => number;
  readonly onAdmitted: (socket: Socket) => void;
}

interface Connection {
  readonly socket: Socket;
  readonly peer: string;
  readonly network: string;
  /** Streams for which it is kept. */
  keeps: number;
  wasProven: boolean;
  /** Of its handshake, or of its last proof or stream. */
  unprovenSince: number;
  timer: NodeJS.Timeout | undefined;
}

export function createConnections({ max, giveWayAfterMs, proveWithinMs, now, onAdmitted }: ConnectionsOptions): Connections {
  const byPeer = new Map<string, Connection>();
  /** By network, in the order in which they came, or came to be unproven again. */
  const unproven = new Map<string, Set<Connection>>();
  /** Those of them whose time runs, the oldest first. */
  const aging = new Set<Connection>();

  function setUnproven(connection: Connection): void {
    const same = unproven.get(connection.network) ?? new Set();
    unproven.set(connection.network, same.add(connection));
  }

  function age(connection: Connection): void {
    connection.unprovenSince = now();
    aging.add(connection);
  }

  function unsetUnproven(connection: Connection): void {
    aging.delete(connection);
    const same = unproven.get(connection.network);
    same?.delete(connection);
    if (same?.size === 0) unproven.delete(connection.network);
  }

  /** The latest of the network with the most, when that has more than `network` would have with one more; else the oldest that had its time. */
  function givingWayTo(network: string): Connection | undefined {
    let most = new Set<Connection>();
    for (const same of unproven.values()) if (same.size > most.size) most = same;
    const own = unproven.get(network)?.size ?? 0;
    if (most.size > own + 1) return [...most].at(-1);
    const [oldest] = aging;
    const isFree = oldest !== undefined && own < most.size && now() - oldest.unprovenSince >= giveWayAfterMs;
    return isFree ? oldest : undefined;
  }

  function forget(connection: Connection): void {
    clearTimeout(connection.timer);
    if (isKnown(connection)) byPeer.delete(connection.peer);
    unsetUnproven(connection);
  }

  function isKnown(connection: Connection): boolean {
    return byPeer.get(connection.peer) === connection;
  }

  function onTime(connection: Connection): void {
    if (!connection.wasProven) connection.socket.destroy();
    else if (connection.keeps === 0 && !aging.has(connection)) rest(connection);
  }

  /** What was proven on it is over. */
  function rest(connection: Connection): void {
    setUnproven(connection);
    age(connection);
  }

  function runTime(connection: Connection): void {
    if (connection.timer === undefined) connection.timer = setTimeout(onTime, proveWithinMs, connection);
    else connection.timer.refresh();
  }

  return {
    admit(socket) {
      const connection: Connection = {
        socket,
        peer: peerOf(socket),
        network: networkOf(`${socket.remoteAddress}`),
        keeps: 0,
        wasProven: false,
        unprovenSince: 0,
        timer: undefined,
      };
      if (byPeer.size >= max) {
        const other = givingWayTo(connection.network);
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
    begun(peer) {
      const connection = byPeer.get(peer);
      if (connection === undefined) return;
      age(connection);
      runTime(connection);
    },
    asked(peer) {
      const connection = byPeer.get(peer);
      if (connection !== undefined && !connection.wasProven) runTime(connection);
    },
    proven(peer) {
      const connection = byPeer.get(peer);
      if (connection === undefined) return;
      connection.wasProven = true;
      unsetUnproven(connection);
      runTime(connection);
    },
    keep(peer, over) {
      const connection = byPeer.get(peer);
      if (connection === undefined || over.aborted) return;
      connection.keeps += 1;
      connection.wasProven = true;
      unsetUnproven(connection);
      const release = () => {
        connection.keeps -= 1;
        if (connection.keeps === 0 && isKnown(connection)) rest(connection);
      };
      over.addEventListener('abort', release, { once: true });
    },
    cut: (peer) => void byPeer.get(peer)?.socket.destroy(),
    cutAll() {
      for (const { socket } of byPeer.values()) socket.destroy();
    },
  };
}

/** As gRPC names it. */
export function peerOf({ remoteAddress, remotePort }: Pick<Socket, 'remoteAddress' | 'remotePort'>): string {
  return `${remoteAddress}:${remotePort}`;
}
