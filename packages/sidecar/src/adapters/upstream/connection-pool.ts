import type { EventEmitter } from 'node:events';
import type { AppError, Destination } from '@leasehold/core';
import { type buildConnector, Client } from 'undici';
import { type ConnectOptions, createDial } from './connect.ts';
import { allBusy, closing } from './upstream-errors.ts';
import { createWaitingLine, type LineOptions } from './waiting-line.ts';

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

export interface PoolOptions extends ConnectOptions, LineOptions {
  /** Connections to one origin under one credential. */
  readonly connectionsPerPool: number;
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
  const line = createWaitingLine<Waiter>(options, () => allBusy(host, options.connectionsPerPool));

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

  return {
    enter(waiter) {
      const client = free.pop() ?? (all.length < options.connectionsPerPool ? create() : undefined);
      if (client !== undefined) waiter.begin(client);
      else line.enter(waiter);
    },
    leave: line.leave,
    release(client) {
      const next = line.next();
      if (next === undefined) free.push(client);
      else next.begin(client);
    },
    get isIdle() {
      return free.length === all.length;
    },
    async destroy() {
      line.refuseAll(closing());
      await Promise.all(all.map((client) => client.destroy()));
    },
  };
}
