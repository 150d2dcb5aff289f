import type { Socket } from 'node:net';

/** Joins two connections until both have ended their halves, or one is cut; then the other is, too. Nothing is looked at, nothing is added. */
export function passBlind(agent: Socket, upstream: Socket, idleMs: number): void {
  const cut = () => {
    agent.destroy();
    upstream.destroy();
  };
  // Whoever ends its half first may still be sent the other's.
  upstream.allowHalfOpen = true;
  agent.once('close', cut);
  // What it sent last may still wait here for an agent that reads slowly.
  upstream.once('close', (hadError) => (hadError ? cut() : agent.destroySoon()));
  upstream.on('error', () => undefined);
  // Bytes either way pass through both.
  agent.setTimeout(idleMs, cut);
  agent.pipe(upstream);
  upstream.pipe(agent);
}
