import type { ArrivalClock } from '../harness/arrival-clock.ts';
import type { DeathBook } from './death-book.ts';
import type { WayIn, WaysIn } from './ways-in.ts';
import { readLabel } from './witness.ts';

/** Streams of one agent that are opened again as soon as they end. */
export interface Streams {
  /** How many were opened, by kind and way in. */
  readonly opened: ReadonlyMap<string, number>;
}

export interface StreamsOptions {
  readonly agent: string;
  readonly credentials: readonly string[];
  readonly ways: WaysIn;
  readonly book: DeathBook;
  readonly arrivals: ArrivalClock;
  readonly ended: AbortSignal;
}

/** Not at once: each try by a tunnel is a TLS handshake. */
const reopenMs = 300;

/** Of each credential one event stream and one WebSocket; the way in changes each time. */
export function startStreams({ agent, credentials, ways, book, arrivals, ended }: StreamsOptions): Streams {
  const opened = new Map<string, number>();
  const count = (kind: string) => opened.set(kind, (opened.get(kind) ?? 0) + 1);

  function flowed(text: string): void {
    const label = readLabel(text);
    if (label !== undefined) book.seen('stream', { agent, ...label }, arrivals.earliestMs());
  }

  function again(open: (n: number) => void, n: number): () => void {
    let isOver = false;
    return () => {
      if (isOver || ended.aborted) return;
      isOver = true;
      setTimeout(() => open(n + 1), reopenMs);
    };
  }

  function events(credential: string, n: number): void {
    const over = again((next) => events(credential, next), n);
    const way: WayIn = n % 2 === 0 ? 'base URL' : 'tunnel';
    const outgoing = ways.call(way, credential, 'events', ended);
    outgoing.on('response', (response) => {
      if (response.statusCode === 200) count(`SSE by ${way}`);
      response.on('data', (chunk: Buffer) => flowed(chunk.toString()));
      response.on('error', () => undefined);
      response.on('close', over);
    });
    outgoing.on('error', over);
    outgoing.end();
  }

  function socket(credential: string, n: number): void {
    const over = again((next) => socket(credential, next), n);
    const way = n % 2 === 0 ? 'base URL' : 'tunnel';
    const live = ways.socket(way, credential);
    const stop = () => live.terminate();
    ended.addEventListener('abort', stop, { once: true });
    live.on('open', () => count(`WebSocket by ${way}`));
    live.on('message', (data) => flowed(String(data)));
    live.on('error', () => undefined);
    live.on('close', () => {
      ended.removeEventListener('abort', stop);
      over();
    });
  }

  for (const [index, credential] of credentials.entries()) {
    events(credential, index);
    socket(credential, index);
  }
  return { opened };
}
