import type { ServerResponse } from 'node:http';
import type { AppError } from '@leasehold/core';
import type { AgentReply } from '../../ports/agent-exchange.ts';
import type { AnswerBatch } from './answer-batch.ts';
import { refusalOf } from './refusal.ts';
import { resetConnection } from './reset-connection.ts';

/** The agent's side of an exchange on Node's server. A class, since one is made for each request of the hot path. */
export class HttpReply implements AgentReply {
  readonly #response: ServerResponse;
  readonly #batch: AnswerBatch;
  #isWaiting: boolean;
  /** Of the body, as far as its length was announced; below zero when it was not. */
  #left = -1;
  #endsByClosing = false;
  #isEnded = false;

  constructor(response: ServerResponse, isWaiting: boolean, batch: AnswerBatch) {
    this.#response = response;
    this.#batch = batch;
    this.#isWaiting = isWaiting;
  }

  get isStarted(): boolean {
    return this.#response.headersSent;
  }

  wantBody(): void {
    if (!this.#isWaiting) return;
    this.#isWaiting = false;
    this.#response.writeContinue();
  }

  inform(status: number, headers: string[]): void {
    // HTTP/1.0 knows no interim answers (RFC 9110 section 15.2).
    if (this.#response.req.httpVersionMinor > 0) this.#response.writeInformation(status, headers);
  }

  start(status: number, headers: string[]): void {
    this.#response.writeHead(status, headers);
    this.#left = lengthOf(headers);
    if (this.#left !== -1) return;
    // A stream's head must not wait for its first event.
    this.#endsByClosing = this.#response.req.httpVersionMinor === 0;
    this.#response.flushHeaders();
  }

  write(chunk: Buffer): boolean {
    if (chunk.length === this.#left && this.#response.req.method !== 'HEAD') {
      this.#isEnded = true;
      this.#batch.end(this.#response, chunk.length <= maxJoinedBytes ? chunk.toString('latin1') : chunk);
      return true;
    }
    this.#left -= chunk.length;
    return this.#response.write(chunk);
  }

  end(trailers: string[]): void {
    if (this.#isEnded) return;
    if (trailers.length > 0) this.#addTrailers(trailers);
    this.#response.end();
  }

  refuse(error: AppError): number {
    const { status, headers, body } = refusalOf(error);
    if (this.#response.destroyed) return status;
    // Told no before it was told to go on, an agent may send its body or not: nobody could tell what comes next on this connection.
    this.#response.writeHead(status, this.#isWaiting ? [...headers, 'connection', 'close'] : [...headers]).end(body);
    return status;
  }

  cut(): void {
    const { socket } = this.#response;
    // Where the end of the connection is the end of the body, only a reset tells them apart.
    if (this.#endsByClosing && socket !== null) resetConnection(socket);
    this.#response.destroy();
  }

  #addTrailers(trailers: string[]): void {
    const pairs: [string, string][] = [];
    for (let index = 0; index + 1 < trailers.length; index += 2) pairs.push([trailers[index] ?? '', trailers[index + 1] ?? '']);
    this.#response.addTrailers(pairs);
  }
}

/** A string leaves in one piece with the head, where a buffer makes a vector of three; above this the copy costs more. */
const maxJoinedBytes = 4_096;

/** Names alone are looked at: `access-control-expose-headers` has them as values. */
function lengthOf(headers: readonly string[]): number {
  for (let index = 0; index + 1 < headers.length; index += 2) if (headers[index] === 'content-length') return Number(headers[index + 1]);
  return -1;
}
