import type { IncomingMessage } from 'node:http';
import { type WaysIn, waysIn } from './ways-in.ts';

/** One agent's calls through its sidecar, at a steady rate whatever becomes of them. */
export interface Traffic {
  /** How many calls were sent, and how many could not be, since too many were unanswered. */
  readonly sent: number;
  readonly held: number;
  /** How calls ended: `200`, a refusal's code, or a socket's error. */
  readonly results: ReadonlyMap<string, number>;
  /** Calls that ended with 200, by way in. */
  readonly successes: ReadonlyMap<string, number>;
  /** Resolves when a call that is sent from now on ended with 200. */
  nextSuccess(): Promise<void>;
  /** While paused no call is sent. */
  pause(isPaused: boolean): void;
  /** Resolves when every call sent so far has ended. */
  answered(): Promise<void>;
  stop(): void;
}

export interface TrafficOptions {
  readonly credentials: readonly string[];
  readonly ways: WaysIn;
  readonly ratePerS: number;
  readonly random: () => number;
}

const tickMs = 10;
/** More would only drown a machine that is behind: what is held back is counted. */
const maxUnanswered = 24;
/** Between two tries of somebody who waits for service. */
const probeMs = 50;

export function startTraffic({ credentials, ways, ratePerS, random }: TrafficOptions): Traffic {
  const results = new Map<string, number>();
  const successes = new Map<string, number>();
  const end = new AbortController();
  const begin = performance.now();
  let unanswered = 0;
  let sent = 0;
  let held = 0;
  let isPaused = false;

  function count(result: string, way: string): void {
    results.set(result, (results.get(result) ?? 0) + 1);
    if (result === '200') successes.set(way, (successes.get(way) ?? 0) + 1);
  }

  /** How a call by a connection of its own ends: those of the traffic may all be waiting for something. */
  function probe(): Promise<string> {
    return new Promise((resolve) => {
      const outgoing = ways.call('base URL', credentials[0] ?? '', 'probe', end.signal, false);
      outgoing.on('response', (response) => {
        response.resume();
        resolve(resultOf(response));
      });
      outgoing.on('timeout', () => outgoing.destroy());
      outgoing.on('error', (error) => resolve(error.message));
      outgoing.end();
    });
  }

  function call(): void {
    sent += 1;
    unanswered += 1;
    const credential = credentials[Math.floor(random() * credentials.length)] ?? '';
    const way = waysIn[Math.floor(random() * waysIn.length)] ?? 'base URL';
    let isOver = false;
    const over = (result: string) => {
      if (isOver) return;
      isOver = true;
      unanswered -= 1;
      count(result, way);
    };
    const outgoing = ways.call(way, credential, 'call', end.signal);
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

  return {
    results,
    successes,
    get sent() {
      return sent;
    },
    get held() {
      return held;
    },
    async nextSuccess() {
      while (!end.signal.aborted && (await probe()) !== '200') await new Promise((resolve) => setTimeout(resolve, probeMs));
    },
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
    },
  };
}

function resultOf({ statusCode, headers }: IncomingMessage): string {
  const code = headers['x-leasehold-error'];
  return typeof code === 'string' ? code : String(statusCode);
}
