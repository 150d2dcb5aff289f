import type { EventEmitter } from 'node:events';
import { AppError, type Destination } from '@leasehold/core';
import { type buildConnector, Client } from 'undici';
import { type ConnectOptions, createDial } from './connect.ts';

/** Connections to one host under one version of one credential: they are never shared with another (THREATS 40). */
export interface ConnectionPool {
  /** Calls `begin` with a connection of its own now, or once one is free; or `refused`. */
  enter(waiter: Waiter): void;
  /** For a waiter that has not begun. */
  leave(waiter: Waiter): void;
  /** Gives a connection back, working or broken: it dials anew when it has to. */
  release(client: Client): void;
  readonly isIdle: boolean;
  destroy(): Promise<void>;
}

export interface Waiter {
  begin(client: Client): void;
  refused(why: AppError): void;
}

export interface PoolOptions extends ConnectOptions {
  /** Connections to one origin under one credential. */
  readonly connectionsPerPool: number;
  /** Requests that may wait for a connection. */
  readonly maxWaiting: number;
  /** The longest that a request waits for one, ms. */
  readonly waitMs: number;
  /** Longest wait for the head of an answer, ms. */
  readonly headersTimeoutMs: number;
  /** How long an unused connection is kept, ms. */
  readonly idleConnectionMs: number;
}

/** Of the head of an answer. */
const maxHeadBytes = 65_536;

/**
 * A pool of undici clients with one connection each. undici's own Pool looks for a free one by walking along all of them, makes an async resource
 * for each request that waits, and can neither bound nor leave its queue; this one hands the warmest connection out first.
 */
export function createConnectionPool(destination: Destination, host: string, options: PoolOptions): ConnectionPool {
  const dial = createDial(destination, host, options);
  const name = host.includes(':') ? `[${host}]` : host;
  const all: Client[] = [];
  const free: Client[] = [];
  const waiting = new Map<Waiter, number>();
  let patience: NodeJS.Timeout | undefined;

  function create(): Client {
    const client = new Client(`${destination.scheme}://${name}:${destination.port}`, {
      pipelining: 1,
      allowH2: false,
      headersTimeout: options.headersTimeoutMs,
      // Streams may be silent for as long as their lease lives.
      bodyTimeout: 0,
      maxHeaderSize: maxHeadBytes,
      keepAliveTimeout: options.idleConnectionMs,
      keepAliveMaxTimeout: options.idleConnectionMs,
      connect: (_: unknown, connected: buildConnector.Callback) =>
        dial((error, socket) => {
          if (error !== null) connected(error, null);
          else if (socket !== null) connected(null, socket);
        }),
    });
    // undici emits what a handler throws: it has failed its own request, and must not end the process.
    const emitter: EventEmitter = client;
    emitter.on('error', () => undefined);
    all.push(client);
    return client;
  }

  function nextWaiter(): Waiter | undefined {
    for (const waiter of waiting.keys()) {
      waiting.delete(waiter);
      return waiter;
    }
    return undefined;
  }

  /** Looks after the one that has waited longest: those behind it came later. */
  function armPatience(): void {
    if (patience !== undefined) return;
    for (const since of waiting.values()) {
      patience = setTimeout(turnAway, Math.max(1, since + options.waitMs - performance.now()));
      patience.unref();
      return;
    }
  }

  function turnAway(): void {
    patience = undefined;
    const latest = performance.now() - options.waitMs;
    for (const [waiter, since] of waiting) {
      if (since > latest) break;
      waiting.delete(waiter);
      waiter.refused(allBusy(host, options.connectionsPerPool));
    }
    armPatience();
  }

  return {
    enter(waiter) {
      const client = free.pop() ?? (all.length < options.connectionsPerPool ? create() : undefined);
      if (client !== undefined) waiter.begin(client);
      else if (waiting.size >= options.maxWaiting) waiter.refused(allBusy(host, options.connectionsPerPool));
      else {
        waiting.set(waiter, performance.now());
        armPatience();
      }
    },
    leave(waiter) {
      waiting.delete(waiter);
    },
    release(client) {
      const next = nextWaiter();
      if (next === undefined) free.push(client);
      else next.begin(client);
    },
    get isIdle() {
      return free.length === all.length;
    },
    async destroy() {
      clearTimeout(patience);
      for (let next = nextWaiter(); next !== undefined; next = nextWaiter()) next.refused(closing());
      await Promise.all(all.map((client) => client.destroy()));
    },
  };
}

function allBusy(host: string, connections: number): AppError {
  return new AppError(
    'overloaded',
    `All ${connections} connections to ${host} under this credential are in use. Try again in a moment, or have an operator raise --upstream-connections.`,
    { retryAfterS: 1 },
  );
}

function closing(): AppError {
  return new AppError('overloaded', 'The sidecar is stopping. Try again in a moment.', { retryAfterS: 1 });
}
