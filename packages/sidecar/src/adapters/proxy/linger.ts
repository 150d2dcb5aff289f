import type { Duplex } from 'node:stream';

/** How long a connection that has nothing more to carry may take to end, ms. */
export const lingerMs = 2_000;

/** Destroys a connection that was told its end, unless it is gone in time: the other side may keep its half open for as long as it likes. */
export function letLinger(socket: Duplex): void {
  const timer = setTimeout(() => socket.destroy(), lingerMs);
  socket.once('close', () => clearTimeout(timer));
}
