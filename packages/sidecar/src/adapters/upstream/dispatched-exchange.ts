import type { AppError } from '@leasehold/core';
import type { Client, Dispatcher } from 'undici';
import type { OutgoingExchange, OutgoingRequest, UpstreamEvents } from '../../ports/upstream.ts';
import { readAnswerHead, readTrailers } from './answer-head.ts';
import type { ConnectionPool, Waiter } from './connection-pool.ts';
import { type BodyDecoder, createBodyDecoder, unreadable } from './decode-body.ts';
import { gateBody } from './gated-body.ts';
import { toUpstreamError } from './upstream-errors.ts';

/**
 * One exchange, from waiting for a connection to the end of the answer, as undici's handler. `#isOver` says that our side has heard the last of it;
 * the connection is given back when undici has. A class, since one is made for each request of the hot path.
 */
export class DispatchedExchange implements Dispatcher.DispatchHandler, OutgoingExchange, Waiter {
  readonly #pool: ConnectionPool;
  readonly #request: OutgoingRequest;
  readonly #on: UpstreamEvents;
  #client: Client | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #decoder: BodyDecoder | undefined;
  #trailers: string[] = [];
  #abortedBy: AppError | undefined;
  #isOver = false;

  constructor(pool: ConnectionPool, request: OutgoingRequest, on: UpstreamEvents) {
    this.#pool = pool;
    this.#request = request;
    this.#on = on;
  }

  begin(client: Client): void {
    this.#client = client;
    const { host, method, path, headers, body } = this.#request;
    // The name is the connector's business, but undici would parse the Host header for one.
    const options = { servername: host, method, path, headers, body: body === undefined ? null : gateBody(body, this.#on) };
    client.dispatch(options, this);
  }

  refused(why: AppError): void {
    this.#fail(why);
  }

  abort(why: AppError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#drop(why);
  }

  pause(): void {
    if (this.#decoder === undefined) this.#controller?.pause();
    else this.#decoder.pause();
  }

  resume(): void {
    if (this.#decoder === undefined) this.#controller?.resume();
    else this.#decoder.resume();
  }

  /** The tick that writes the head: nothing may stand between the gate and the return (INV-2, INV-3, INV-5, INV-7). */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    const why = this.#abortedBy ?? this.#on.refusal();
    if (why !== undefined) controller.abort(why);
    // With a body, the head leaves with its first chunk.
    else if (this.#request.body === undefined) this.#on.left();
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, received: Dispatcher.ResponseData['headers']): void {
    if (this.#isOver) return;
    const { headers, coding } = readAnswerHead(received);
    if (status < 200) {
      this.#on.informed(status, headers);
      return;
    }
    if (coding !== undefined && this.#request.method !== 'HEAD' && status !== 204 && status !== 304) {
      this.#decoder = createBodyDecoder(coding, {
        data: (chunk) => {
          if (!this.#isOver) this.#on.data(chunk);
        },
        end: () => this.#end(),
        failed: (error) => this.#fail(error),
        drained: () => this.#controller?.resume(),
      });
      if (this.#decoder === undefined) {
        this.#fail(unreadable(coding));
        return;
      }
    }
    this.#on.head(status, headers);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#isOver) return;
    if (this.#decoder === undefined) this.#on.data(chunk);
    else if (!this.#decoder.write(chunk)) controller.pause();
  }

  onResponseEnd(_: Dispatcher.DispatchController, trailers: Dispatcher.ResponseData['headers']): void {
    this.#giveBack();
    if (this.#isOver) return;
    this.#trailers = readTrailers(trailers);
    if (this.#decoder === undefined) this.#end();
    else this.#decoder.end();
  }

  /** undici passes no controller for what never began. */
  onResponseError(_: unknown, error: Error): void {
    this.#fail(error);
    // Not in this turn: undici is still taking the broken connection apart.
    setImmediate(() => this.#giveBack());
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#on.end(this.#trailers);
  }

  #fail(thrown: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const why = toUpstreamError(thrown, this.#request.host);
    this.#on.failed(why);
    this.#drop(why);
  }

  #drop(why: AppError): void {
    this.#abortedBy = why;
    this.#decoder?.destroy();
    // Dispatched but not begun: onRequestStart finds it aborted.
    if (this.#client === undefined) this.#pool.leave(this);
    else this.#controller?.abort(why);
  }

  #giveBack(): void {
    const client = this.#client;
    this.#client = undefined;
    this.#controller = undefined;
    if (client !== undefined) this.#pool.release(client);
  }
}
