import type { Socket } from 'node:net';
import { networkOf } from './network-of.ts';

/**
 * The connections that are open. Whoever only dials proves nothing, so when there is no room, those give way that one network has the most of, and
 * among equals those that had their time: a flood costs its own, and a sidecar that follows the log keeps its connection. So does whoever proved who
 * it is, up to its owner's part of the room: what it has beyond that counts as if nothing was proven.
 */
export interface Connections {
  /** Takes the connection, or destroys it when nobody has to give way to it. */
  admit(socket: Socket): void;
  /** Its handshake begins: the time that it has to prove itself runs from here, not from the queue. */
  begun(peer: string): void;
  /** It asked something whole that may be a proof: its time runs anew, so that nobody is cut off from the answer. */
  asked(peer: string): void;
  /** Something on it was proven, by somebody of this owner: for a while it gives way to none. */
  proven(peer: string, owner: string): void;
  /** Until `over` aborts, the connection of this peer (address:port) gives way to none. */
  keep(peer: string, owner: string, over: AbortSignal): void;
  /** Closes the connection of a peer at once. */
  cut(peer: string): void;
  cutAll(): void;
}

export interface ConnectionsOptions {
  readonly max: number;
  /** How many of one owner give way to none. */
  readonly maxSafePerOwner: number;
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
  /** In whose part of the room it is. */
  owner: string | undefined;
  /** Of its handshake, or of its last proof or stream. */
  unprovenSince: number;
  timer: NodeJS.Timeout | undefined;
}

export function createConnections({
  max,
  maxSafePerOwner,
  giveWayAfterMs,
  proveWithinMs,
  now,
  onAdmitted,
}: ConnectionsOptions): Connections {
  const byPeer = new Map<string, Connection>();
  /** By network, in the order in which they came, or came to be unproven again. */
  const unproven = new Map<string, Set<Connection>>();
  /** By owner: those that give way to none. */
  const safe = new Map<string, number>();
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

  /** False when its owner has its part already. */
  function makeSafe(connection: Connection, owner: string): boolean {
    if (connection.owner !== undefined) return true;
    const count = safe.get(owner) ?? 0;
    if (count >= maxSafePerOwner) return false;
    safe.set(owner, count + 1);
    connection.owner = owner;
    unsetUnproven(connection);
    return true;
  }

  function unsafe(connection: Connection): void {
    const { owner } = connection;
    if (owner === undefined) return;
    connection.owner = undefined;
    const count = (safe.get(owner) ?? 1) - 1;
    if (count === 0) safe.delete(owner);
    else safe.set(owner, count);
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
    unsafe(connection);
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
    unsafe(connection);
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
        owner: undefined,
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
    proven(peer, owner) {
      const connection = byPeer.get(peer);
      if (connection === undefined) return;
      connection.wasProven = true;
      if (makeSafe(connection, owner)) runTime(connection);
    },
    keep(peer, owner, over) {
      const connection = byPeer.get(peer);
      if (connection === undefined || over.aborted) return;
      connection.wasProven = true;
      connection.keeps += 1;
      makeSafe(connection, owner);
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
