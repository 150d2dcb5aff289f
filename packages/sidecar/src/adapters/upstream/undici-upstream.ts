import { AppError, formatAuthority } from '@leasehold/core';
import { LRUCache } from 'lru-cache';
import { type Dispatcher, Pool } from 'undici';
import type { OutgoingExchange, OutgoingRequest, Upstream, UpstreamEvents } from '../../ports/upstream.ts';
import { type ConnectOptions, connectTo } from './connect.ts';
import { gateBody } from './gated-body.ts';
import { createResponseReader, type ResponseReader } from './response-reader.ts';
import { toUpstreamError } from './upstream-errors.ts';

export interface UndiciUpstreamOptions extends ConnectOptions {
  /** Connections to one origin under one credential. */
  readonly connectionsPerPool: number;
  readonly maxPools: number;
  /** How long an unused pool is kept, ms. */
  readonly idlePoolMs: number;
  /** Longest wait for the head of an answer, ms. */
  readonly headersTimeoutMs: number;
}

/** HTTP/1.1 to vendors by undici's `dispatch`, with hand-written handlers: the fastest way that Node offers (docs/adr/0005-data-path.md). */
export function createUndiciUpstream(options: UndiciUpstreamOptions): Upstream {
  const pools = new LRUCache<string, Pool>({
    max: options.maxPools,
    ttl: options.idlePoolMs,
    updateAgeOnGet: true,
    ttlAutopurge: true,
    dispose: (pool) => void pool.close().catch(() => {}),
  });

  function poolFor(request: OutgoingRequest): Pool {
    const { credentialId, version, destination, host } = request;
    // The CA and the private ranges belong to the destination, and a destination to its credential.
    const key = `${credentialId} ${version} ${destination.scheme} ${host} ${destination.port} ${destination.caPem === undefined ? '' : destination.caPem.length}`;
    const known = pools.get(key);
    if (known !== undefined) return known;
    const pool = new Pool(formatAuthority({ ...destination, host }), {
      connections: options.connectionsPerPool,
      pipelining: 1,
      allowH2: false,
      headersTimeout: options.headersTimeoutMs,
      // Streams may be silent for as long as their lease lives.
      bodyTimeout: 0,
      maxHeaderSize: 65_536,
      connect: (_, connected) => connectTo(destination, host, options, connected as Parameters<typeof connectTo>[3]),
    });
    pools.set(key, pool);
    return pool;
  }

  return {
    send: (request, on) => {
      const exchange = new DispatchedExchange(request.host, on);
      exchange.dispatch(poolFor(request), request);
      return exchange;
    },
    close: async () => {
      const closing = [...pools.values()].map((pool) => pool.destroy().catch(() => {}));
      pools.clear();
      await Promise.all(closing);
    },
  };
}

/** One exchange as undici's handler. A class, since one is made for each request of the hot path. */
class DispatchedExchange implements Dispatcher.DispatchHandler, OutgoingExchange {
  readonly #host: string;
  readonly #on: UpstreamEvents;
  #controller: Dispatcher.DispatchController | undefined;
  #reader: ResponseReader | undefined;
  #abortedBy: AppError | undefined;
  #hasBody = false;
  #isOver = false;

  constructor(host: string, on: UpstreamEvents) {
    this.#host = host;
    this.#on = on;
  }

  dispatch(pool: Pool, { method, path, headers, body }: OutgoingRequest): void {
    this.#hasBody = body !== undefined;
    const gated = body && gateBody(body, this.#on.refusal, this.#on.left);
    try {
      // undici knows the methods of the registry by type, and sends any token.
      pool.dispatch({ method: method as Dispatcher.HttpMethod, path, headers, body: gated ?? null }, this);
    } catch (thrown) {
      this.#fail(thrown);
    }
  }

  abort(why: AppError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#abortedBy = why;
    this.#reader?.destroy();
    // Not begun yet: undici is told in onRequestStart.
    this.#controller?.abort(why);
  }

  pause(): void {
    if (this.#reader?.pause() !== true) this.#controller?.pause();
  }

  resume(): void {
    if (this.#reader?.resume() !== true) this.#controller?.resume();
  }

  /** The tick that writes the head: nothing may stand between the gate and the return (INV-2, INV-3, INV-5, INV-7). */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    const why = this.#abortedBy ?? this.#on.refusal();
    if (why !== undefined) controller.abort(why);
    // With a body, the head leaves with its first chunk.
    else if (!this.#hasBody) this.#on.left();
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    if (this.#isOver || status < 200) return;
    this.#reader = createResponseReader(status, rawHeadersOf(controller), controller, this.#on, (error) => this.#fail(error));
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#isOver) this.#reader?.data(chunk);
  }

  onResponseEnd(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#reader?.end();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#fail(error);
  }

  #fail(thrown: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#reader?.destroy();
    this.#on.failed(toUpstreamError(thrown, this.#host));
    this.#controller?.abort(new AppError('upstream_protocol_error', 'The answer was given up.'));
  }
}

function rawHeadersOf(controller: Dispatcher.DispatchController): readonly (Buffer | string)[] {
  const { rawHeaders } = controller;
  return Array.isArray(rawHeaders) ? rawHeaders.flat() : [];
}
