import { Agent, type IncomingMessage, request } from 'node:http';
import type { ArrivalClock } from '../harness/arrival-clock.ts';
import type { DeathBook } from './death-book.ts';
import { readLabel } from './witness.ts';

/** One agent's calls through its sidecar, at a steady rate whatever becomes of them. */
export interface Traffic {
  /** How many calls were sent, and how many could not be, since too many were unanswered. */
  readonly sent: number;
  readonly held: number;
  /** How calls ended: `200`, a refusal's code, or a socket's error. */
  readonly results: ReadonlyMap<string, number>;
  readonly streamsOpened: number;
  /** Resolves with the next 200 whose call was sent after this. */
  nextSuccess(): Promise<void>;
  /** While paused no call is sent. */
  pause(isPaused: boolean): void;
  /** Resolves when every call sent so far has ended. */
  answered(): Promise<void>;
  stop(): void;
}

export interface TrafficOptions {
  readonly agent: string;
  readonly credentials: readonly string[];
  readonly vendorUrl: string;
  /** Asked for each call: a sidecar that was killed comes back on another port. */
  readonly proxyPort: () => number;
  readonly ratePerS: number;
  readonly random: () => number;
  readonly book: DeathBook;
  readonly arrivals: ArrivalClock;
}

const tickMs = 10;
const maxUnanswered = 200;
const timeoutMs = 10_000;
const reopenMs = 60;

export function startTraffic({ agent, credentials, vendorUrl, proxyPort, ratePerS, random, book, arrivals }: TrafficOptions): Traffic {
  const connections = new Agent({ keepAlive: true, maxSockets: 64 });
  const results = new Map<string, number>();
  const waiting: { readonly since: number; readonly resolve: () => void }[] = [];
  const end = new AbortController();
  const begin = performance.now();
  let unanswered = 0;
  let sent = 0;
  let held = 0;
  let streamsOpened = 0;
  let isPaused = false;

  function path(credential: string, what: string): { readonly path: string; readonly headers: Record<string, string> } {
    const own = `/${credential}/${what}/${agent}`;
    if (random() < 0.5) return { path: `/${credential}${own}`, headers: {} };
    const { host } = new URL(vendorUrl);
    return { path: `http://${host}${own}`, headers: { host } };
  }

  function count(result: string, sentAt: number): void {
    results.set(result, (results.get(result) ?? 0) + 1);
    if (result !== '200') return;
    for (const waiter of waiting.filter(({ since }) => since <= sentAt)) {
      waiting.splice(waiting.indexOf(waiter), 1);
      waiter.resolve();
    }
  }

  function call(): void {
    sent += 1;
    unanswered += 1;
    const sentAt = performance.now();
    const credential = credentials[Math.floor(random() * credentials.length)] ?? '';
    let isOver = false;
    const over = (result: string) => {
      if (isOver) return;
      isOver = true;
      unanswered -= 1;
      count(result, sentAt);
    };
    const outgoing = request({
      host: '127.0.0.1',
      port: proxyPort(),
      agent: connections,
      timeout: timeoutMs,
      signal: end.signal,
      ...path(credential, 'call'),
    });
    outgoing.on('response', (response) => {
      response.resume();
      response.on('end', () => over(resultOf(response)));
      response.on('error', () => over('cut'));
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error('timeout')));
    outgoing.on('error', (error) => over('code' in error ? String(error.code) : error.message));
    outgoing.end();
  }

  const ticking = setInterval(() => {
    const due = Math.floor(((performance.now() - begin) / 1_000) * ratePerS) - sent - held;
    for (let n = 0; n < due; n += 1) {
      if (isPaused || unanswered >= maxUnanswered) held += 1;
      else call();
    }
  }, tickMs);

  /** Keeps one event stream open under each credential. */
  function stream(credential: string): void {
    if (end.signal.aborted) return;
    let isOver = false;
    const over = () => {
      if (isOver) return;
      isOver = true;
      setTimeout(() => stream(credential), reopenMs);
    };
    const outgoing = request({ host: '127.0.0.1', port: proxyPort(), agent: false, signal: end.signal, ...path(credential, 'events') });
    outgoing.on('response', (response) => {
      if (response.statusCode === 200) streamsOpened += 1;
      response.on('data', (chunk: Buffer) => {
        const label = readLabel(chunk.toString());
        if (label !== undefined) book.seen('stream', { agent, ...label }, arrivals.earliestMs());
      });
      response.on('error', () => undefined);
      response.on('close', over);
    });
    outgoing.on('error', over);
    outgoing.end();
  }
  for (const credential of credentials) stream(credential);

  return {
    results,
    get sent() {
      return sent;
    },
    get held() {
      return held;
    },
    get streamsOpened() {
      return streamsOpened;
    },
    nextSuccess: () => new Promise((resolve) => waiting.push({ since: performance.now(), resolve })),
    pause(is) {
      isPaused = is;
    },
    answered: () =>
      new Promise((resolve) => {
        const look = setInterval(() => {
          if (unanswered > 0) return;
          clearInterval(look);
          resolve();
        }, tickMs);
      }),
    stop() {
      clearInterval(ticking);
      end.abort();
      connections.destroy();
    },
  };
}

function resultOf({ statusCode, headers }: IncomingMessage): string {
  const code = headers['x-leasehold-error'];
  return typeof code === 'string' ? code : String(statusCode);
}
