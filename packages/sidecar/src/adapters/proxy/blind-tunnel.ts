import type { Socket } from 'node:net';

/** Joins two connections until either ends; then both do. Nothing is looked at, nothing is added. */
export function passBlind(agent: Socket, upstream: Socket, idleMs: number): void {
  const cut = () => {
    agent.destroy();
    upstream.destroy();
  };
  agent.once('close', cut);
  upstream.once('close', cut);
  upstream.on('error', () => undefined);
  // Bytes either way pass through both.
  agent.setTimeout(idleMs, cut);
  agent.pipe(upstream);
  upstream.pipe(agent);
}
