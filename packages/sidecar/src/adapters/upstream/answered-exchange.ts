import type { IncomingHttpHeaders } from 'node:http';
import { AppError } from '@leasehold/core';
import type { OutgoingExchange, OutgoingRequest, UpstreamEvents } from '../../ports/upstream.ts';
import { readAnswerHead, readTrailers } from './answer-head.ts';
import { type BodyDecoder, createBodyDecoder, unreadable } from './decode-body.ts';
import { toUpstreamError } from './upstream-errors.ts';

/** Answers that no body follows; behind 101 come frames. */
const bodyless: ReadonlySet<number> = new Set([101, 204, 304]);
/** Far more than any server sends before its answer; without a limit a vendor could go on for as long as it likes, and fill our memory. */
const maxInterim = 16;

/**
 * What every protocol does with an answer: its head is cleaned, its body decoded if it has to be, its end told once. A base class and no helper
 * object, since one is made for each request of the hot path.
 */
export abstract class AnsweredExchange implements OutgoingExchange {
  protected readonly request: OutgoingRequest;
  protected readonly on: UpstreamEvents;
  /** Our side has heard the last of it. */
  protected isOver = false;
  /** The vendor has said the last of it: what it said may still be with the decoder. */
  #isWhole = false;
  #decoder: BodyDecoder | undefined;
  #trailers: string[] = [];
  #interim = 0;

  constructor(request: OutgoingRequest, on: UpstreamEvents) {
    this.request = request;
    this.on = on;
  }

  abort(why: AppError): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#discard(why);
  }

  pause(): void {
    if (this.#decoder === undefined) this.pauseVendor();
    else this.#decoder.pause();
  }

  resume(): void {
    if (this.#decoder === undefined) this.resumeVendor();
    else this.#decoder.resume();
  }

  protected abstract pauseVendor(): void;
  protected abstract resumeVendor(): void;
  /** Lets go of the connection, or of the place in the queue for one. */
  protected abstract drop(why: AppError): void;

  protected answered(status: number, received: IncomingHttpHeaders, isWhole: boolean): void {
    if (this.isOver) return;
    try {
      this.#passHead(status, received, isWhole);
    } catch (thrown) {
      this.failed(this.#unpassable(thrown));
    }
  }

  /** False: the vendor is to stop until `resumeVendor` is called. */
  protected received(chunk: Buffer): boolean {
    if (this.isOver) return true;
    if (this.#decoder !== undefined) return this.#decoder.write(chunk);
    this.on.data(chunk);
    return true;
  }

  protected ended(trailers: IncomingHttpHeaders): void {
    if (this.isOver) return;
    this.#isWhole = true;
    this.#trailers = readTrailers(trailers);
    if (this.#decoder === undefined) this.#end();
    else this.#decoder.end();
  }

  /** What carried the answer is gone: no loss once it is whole. */
  protected lost(thrown: unknown): void {
    if (!this.#isWhole) this.failed(thrown);
  }

  protected failed(thrown: unknown): void {
    if (this.isOver) return;
    this.isOver = true;
    const why = toUpstreamError(thrown, this.request.host);
    this.on.failed(why);
    this.#discard(why);
  }

  #passHead(status: number, received: IncomingHttpHeaders, isWhole: boolean): void {
    const { headers, coding } = readAnswerHead(received);
    if (status < 200 && status !== 101) {
      this.#interim += 1;
      if (this.#interim > maxInterim) throw this.#invalid('sent one interim answer after another, and none that was final');
      this.on.informed(status, headers);
      return;
    }
    if (status === 101 && this.request.protocol !== 'websocket') throw this.#invalid('switched to a protocol that it was not asked for');
    if (coding !== undefined && this.request.method !== 'HEAD' && !bodyless.has(status)) {
      this.#decoder = this.#decoderFor(coding);
      if (this.#decoder === undefined) throw unreadable(coding);
    }
    this.on.head(status, headers, isWhole);
  }

  #invalid(deed: string): AppError {
    return new AppError('upstream_protocol_error', `${this.request.host} ${deed}.`);
  }

  /** What the agent's side would not take is the vendor's doing: by its code an error of Node would blame the request, which was sent and served. */
  #unpassable(thrown: unknown): AppError {
    if (thrown instanceof AppError) return thrown;
    return new AppError('upstream_protocol_error', `${this.request.host} answered with headers that cannot be passed on.`, {
      cause: thrown,
    });
  }

  #decoderFor(coding: string): BodyDecoder | undefined {
    return createBodyDecoder(coding, {
      data: (chunk) => {
        if (!this.isOver) this.on.data(chunk);
      },
      end: () => this.#end(),
      failed: (error) => this.failed(error),
      drained: () => this.resumeVendor(),
    });
  }

  #end(): void {
    if (this.isOver) return;
    this.isOver = true;
    try {
      this.on.end(this.#trailers);
    } catch (thrown) {
      this.on.failed(this.#unpassable(thrown));
    }
  }

  #discard(why: AppError): void {
    this.#decoder?.destroy();
    this.drop(why);
  }
}
