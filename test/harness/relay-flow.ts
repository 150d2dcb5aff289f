import type { Socket } from 'node:net';
import type { NetworkCondition } from './tcp-relay.ts';

/** One direction of one relayed connection. */
export interface RelayFlow {
  /** Goes on, if the network's condition lets it. */
  pump(): void;
  /** Nothing goes through any more, not even a closing. */
  die(): void;
}

type Waiting = { readonly kind: 'bytes'; readonly bytes: Buffer; readonly at: number } | { readonly kind: 'end' | 'close' };

/** More than this waiting, and the sender is read no further, as by a full socket buffer. */
const maxWaitingBytes = 262_144;

export function createRelayFlow(from: Socket, to: Socket, direction: 'up' | 'down', condition: () => NetworkCondition): RelayFlow {
  const waiting: Waiting[] = [];
  let waitingBytes = 0;
  let isDead = false;
  let timer: NodeJS.Timeout | undefined;

  function put(next: Waiting): void {
    if (isDead) return;
    waiting.push(next);
    if (next.kind === 'bytes') waitingBytes += next.bytes.length;
    if (waitingBytes > maxWaitingBytes) from.pause();
    pump();
  }

  function pump(): void {
    while (!isDead && timer === undefined) {
      const [first] = waiting;
      if (first === undefined) return;
      const pauseMs = pauseBefore(first, condition(), direction);
      if (pauseMs === undefined) return;
      if (pauseMs > 0) {
        later(pauseMs);
        return;
      }
      waiting.shift();
      deliver(first);
    }
  }

  function deliver(first: Waiting): void {
    if (first.kind === 'end') to.end();
    if (first.kind === 'close') to.destroy();
    if (first.kind !== 'bytes') return;
    const now = condition();
    const part = now.kind === 'drip' ? first.bytes.subarray(0, now.bytes) : first.bytes;
    const rest = first.bytes.subarray(part.length);
    waitingBytes -= part.length;
    if (rest.length > 0) waiting.unshift({ ...first, bytes: rest });
    to.write(part);
    if (waitingBytes <= maxWaitingBytes) from.resume();
    if (now.kind === 'drip') later(now.everyMs);
  }

  function later(ms: number): void {
    timer = setTimeout(() => {
      timer = undefined;
      pump();
    }, ms);
  }

  from.on('data', (bytes: Buffer) => put({ kind: 'bytes', bytes, at: performance.now() }));
  from.on('end', () => put({ kind: 'end' }));
  from.on('error', () => from.destroy());
  from.on('close', () => put({ kind: 'close' }));
  to.on('close', () => {
    clearTimeout(timer);
    waiting.length = 0;
  });
  return {
    pump,
    die() {
      isDead = true;
      clearTimeout(timer);
      waiting.length = 0;
      from.resume();
    },
  };
}

/** Undefined: as long as the condition lasts. */
function pauseBefore(first: Waiting, condition: NetworkCondition, direction: 'up' | 'down'): number | undefined {
  if (condition.kind === 'stall') return condition.direction === 'both' || condition.direction === direction ? undefined : 0;
  if (condition.kind === 'delay' && first.kind === 'bytes') return Math.max(0, Math.ceil(first.at + condition.ms - performance.now()));
  return 0;
}
