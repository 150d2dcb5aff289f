import type { IncomingMessage, ServerResponse } from 'node:http';
import { AppError } from '@leasehold/core';
import type { AgentReply, HandleRequest } from '../../ports/agent-exchange.ts';
import { readAgentRequest } from './agent-request.ts';
import { refusalOf } from './refusal.ts';

/** One request of Node's server as an agent exchange. `isWaiting`: the agent holds its body back until it is told to go on. */
export function serveHttpExchange(
  handle: HandleRequest,
  ownPort: number,
  incoming: IncomingMessage,
  response: ServerResponse,
  isWaiting: boolean,
): void {
  const reply = new HttpReply(incoming, response, isWaiting);
  let request: ReturnType<typeof readAgentRequest>;
  try {
    request = readAgentRequest(incoming, ownPort);
  } catch (thrown) {
    reply.refuse(AppError.from(thrown));
    return;
  }
  const control = handle(request, reply);
  response.on('drain', control.drained);
  response.on('close', () => {
    if (!response.writableFinished) control.abandoned();
  });
  // An upload that breaks off shows on the response too; unheard it would end the process.
  incoming.on('error', () => {});
}

/** A class, since one is made for each request of the hot path. */
class HttpReply implements AgentReply {
  readonly #incoming: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #isWaiting: boolean;

  constructor(incoming: IncomingMessage, response: ServerResponse, isWaiting: boolean) {
    this.#incoming = incoming;
    this.#response = response;
    this.#isWaiting = isWaiting;
  }

  get isStarted(): boolean {
    return this.#response.headersSent;
  }

  wantBody(): void {
    if (this.#isWaiting) this.#response.writeContinue();
  }

  start(status: number, headers: string[]): void {
    this.#response.writeHead(status, headers);
    // A stream's head must not wait for its first event.
    if (!headers.includes('content-length') && !headers.includes('Content-Length')) this.#response.flushHeaders();
  }

  write(chunk: Buffer): boolean {
    return this.#response.write(chunk);
  }

  end(): void {
    this.#response.end();
  }

  refuse(error: AppError): number {
    const { status, headers, body } = refusalOf(error);
    if (this.#response.destroyed) return status;
    // What is left of the body is not worth reading: the connection ends with the answer.
    const closing = this.#incoming.complete ? [] : ['connection', 'close'];
    this.#response.writeHead(status, [...headers, ...closing]).end(body);
    this.#incoming.resume();
    return status;
  }

  cut(): void {
    this.#response.destroy();
  }
}
