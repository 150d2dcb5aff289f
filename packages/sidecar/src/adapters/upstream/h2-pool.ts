import { TLSSocket } from 'node:tls';
import { AppError, type Destination } from '@leasehold/core';
import { createDial } from './connect.ts';
import type { PoolOptions } from './connection-pool.ts';
import { createH2Connection, type H2Connection } from './h2-connection.ts';
import { allBusy, closing } from './upstream-errors.ts';
import { createWaitingLine } from './waiting-line.ts';

/** HTTP/2 connections to one host under one version of one credential: streams share them, and nobody else does (THREATS 40). */
export interface H2Pool {
  /** Calls `begin` now or once there is a stream; `beginByHttp1` when the vendor speaks no HTTP/2; or `refused`. */
  enter(waiter: H2Waiter): void;
  /** For a waiter that has not begun. */
  leave(waiter: H2Waiter): void;
  readonly isIdle: boolean;
  destroy(): Promise<void>;
}

export interface H2Waiter {
  begin(connection: H2Connection): void;
  beginByHttp1(): void;
  refused(why: AppError): void;
}

const maxStreams = 100;
/** How long a vendor that chose HTTP/1.1 is not asked again, ms. */
const http1Ms = 600_000;

export function createH2Pool(destination: Destination, host: string, options: PoolOptions): H2Pool {
  const dial = createDial(destination, host, { ...options, protocols: ['h2', 'http/1.1'] });
  const origin = `https://${host.includes(':') ? `[${host}]` : host}:${destination.port}`;
  const line = createWaitingLine<H2Waiter>(options, () => allBusy(host, options.connectionsPerPool));
  const connections = new Set<H2Connection>();
  let isDialling = false;
  let isClosed = false;
  let http1Until = Number.NEGATIVE_INFINITY;

  function serve(): void {
    for (const connection of connections) {
      while (connection.freeStreams > 0) {
        const waiter = line.next();
        if (waiter === undefined) return;
        waiter.begin(connection);
      }
    }
    // One at a time: it may turn out to carry all who wait.
    if (line.length > 0 && !isDialling && !isClosed && openCount() < options.connectionsPerPool) open();
  }

  /** One that the vendor winds down may carry a stream for hours: it keeps nobody out, and there are no more of them than there are streams. */
  function openCount(): number {
    let count = 0;
    for (const { isClosing } of connections) if (!isClosing) count += 1;
    return count;
  }

  function open(): void {
    isDialling = true;
    dial((error, socket) => {
      if (isClosed) socket?.destroy();
      else if (socket === null) {
        isDialling = false;
        line.refuseAll(error ?? closing());
      } else if (socket instanceof TLSSocket && socket.alpnProtocol === 'h2') keep(socket);
      else {
        // Dialled again by the other pool: rare enough, and nothing to be told apart there.
        socket.destroy();
        isDialling = false;
        http1Until = performance.now() + http1Ms;
        for (let waiter = line.next(); waiter !== undefined; waiter = line.next()) waiter.beginByHttp1();
      }
    });
  }

  function keep(socket: TLSSocket): void {
    let isReady = false;
    const connection: H2Connection = createH2Connection(
      socket,
      origin,
      { ...options, maxStreams },
      {
        ready: () => {
          isReady = true;
          isDialling = false;
          serve();
        },
        freed: serve,
        gone: () => {
          connections.delete(connection);
          if (!isReady) {
            isDialling = false;
            line.refuseAll(noH2(host));
          }
          serve();
        },
      },
    );
    connections.add(connection);
  }

  return {
    enter(waiter) {
      if (performance.now() < http1Until) {
        waiter.beginByHttp1();
        return;
      }
      const free = line.length > 0 ? undefined : [...connections].find(({ freeStreams }) => freeStreams > 0);
      if (free === undefined) line.enter(waiter);
      else waiter.begin(free);
      serve();
    },
    leave: line.leave,
    get isIdle() {
      return line.length === 0 && !isDialling && [...connections].every((connection) => connection.isIdle);
    },
    destroy() {
      isClosed = true;
      line.refuseAll(closing());
      for (const connection of connections) connection.destroy();
      return Promise.resolve();
    },
  };
}

function noH2(host: string): AppError {
  return new AppError('upstream_protocol_error', `${host} chose HTTP/2 and did not speak it.`);
}
