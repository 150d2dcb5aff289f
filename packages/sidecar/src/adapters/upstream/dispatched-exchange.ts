import type { AppError } from '@leasehold/core';
import type { Client, Dispatcher } from 'undici';
import type { OutgoingRequest, UpstreamEvents } from '../../ports/upstream.ts';
import { AnsweredExchange } from './answered-exchange.ts';
import type { ConnectionPool, Waiter } from './connection-pool.ts';
import { gateBody } from './gated-body.ts';

/** One exchange by HTTP/1.1, from waiting for a connection to the end of the answer, as undici's handler. The connection is given back when undici has. */
export class DispatchedExchange extends AnsweredExchange implements Dispatcher.DispatchHandler, Waiter {
  readonly #pool: ConnectionPool;
  #client: Client | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #abortedBy: AppError | undefined;

  constructor(pool: ConnectionPool, request: OutgoingRequest, on: UpstreamEvents) {
    super(request, on);
    this.#pool = pool;
  }

  begin(client: Client): void {
    this.#client = client;
    const { host, method, path, headers, body } = this.request;
    // The name is the connector's business, but undici would parse the Host header for one.
    const options = { servername: host, method, path, headers, body: body === undefined ? null : gateBody(body, this.on) };
    client.dispatch(options, this);
  }

  refused(why: AppError): void {
    this.failed(why);
  }

  /** The tick that writes the head: nothing may stand between the gate and the return (INV-2, INV-3, INV-5, INV-7). */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    const why = this.#abortedBy ?? this.on.refusal();
    if (why !== undefined) controller.abort(why);
    // With a body, the head leaves with its first chunk.
    else if (this.request.body === undefined) this.on.left();
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, received: Dispatcher.ResponseData['headers']): void {
    this.answered(status, received, false);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.received(chunk)) controller.pause();
  }

  onResponseEnd(_: Dispatcher.DispatchController, trailers: Dispatcher.ResponseData['headers']): void {
    this.#giveBack();
    this.ended(trailers);
  }

  /** undici passes no controller for what never began. */
  onResponseError(_: unknown, error: Error): void {
    this.failed(error);
    // Not in this turn: undici is still taking the broken connection apart.
    setImmediate(() => this.#giveBack());
  }

  protected override pauseVendor(): void {
    this.#controller?.pause();
  }

  protected override resumeVendor(): void {
    this.#controller?.resume();
  }

  protected override drop(why: AppError): void {
    this.#abortedBy = why;
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
