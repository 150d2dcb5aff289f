import type { Socket } from 'node:net';

/** Knows the connections that we made, by our end of them. Bounded by how many there are. */
export interface OutgoingConnections {
  /** Until it is closed. */
  add(socket: Socket): void;
  /** Whether an accepted connection comes from one of them. */
  isOurs(accepted: Socket): boolean;
}

export function createOutgoingConnections(): OutgoingConnections {
  const ends = new Set<string>();
  return {
    add(socket) {
      const end = `${socket.localAddress} ${socket.localPort}`;
      ends.add(end);
      socket.once('close', () => ends.delete(end));
    },
    isOurs: ({ remoteAddress, remotePort }) => ends.has(`${remoteAddress} ${remotePort}`),
  };
}
