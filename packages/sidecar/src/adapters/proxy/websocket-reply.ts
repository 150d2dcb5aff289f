import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { AppError } from '@leasehold/core';
import type { AgentReply } from '../../ports/agent-exchange.ts';
import type { AnswerBatch } from './answer-batch.ts';
import { HttpReply } from './http-reply.ts';
import { letLinger } from './linger.ts';

/** How long an agent may leave the last of it unread, ms. */
const unreadMs = 30_000;

/** The agent's side of a handshake and of what follows: an answer like any other, or frames on the bare connection. */
export class WebSocketReply implements AgentReply {
  readonly #socket: Socket;
  readonly #response: ServerResponse;
  readonly #answer: HttpReply;
  #isSwitched = false;

  constructor(incoming: IncomingMessage, socket: Socket, batch: AnswerBatch) {
    this.#socket = socket;
    // Node's server has let go of this connection, and gives us no response for it.
    this.#response = new ServerResponse(incoming);
    this.#response.shouldKeepAlive = false;
    this.#response.assignSocket(socket);
    this.#response.once('finish', () => {
      if (!this.#isSwitched) this.#endConnection();
    });
    this.#answer = new HttpReply(this.#response, false, batch);
  }

  get isStarted(): boolean {
    return this.#answer.isStarted;
  }

  wantBody(): void {
    // What follows the handshake waits for its answer.
  }

  inform(status: number, headers: string[]): void {
    this.#answer.inform(status, headers);
  }

  start(status: number, headers: string[]): void {
    if (status !== 101) {
      this.#answer.start(status, headers);
      return;
    }
    this.#response.writeHead(status, [...headers, 'connection', 'Upgrade', 'upgrade', 'websocket']);
    this.#response.flushHeaders();
    this.#response.detachSocket(this.#socket);
    this.#isSwitched = true;
  }

  write(chunk: Buffer): boolean {
    return this.#isSwitched ? this.#socket.write(chunk) : this.#answer.write(chunk);
  }

  end(trailers: string[]): void {
    if (this.#isSwitched) this.#endConnection();
    else this.#answer.end(trailers);
  }

  refuse(error: AppError): number {
    return this.#answer.refuse(error);
  }

  cut(): void {
    this.#socket.destroy();
  }

  /** What waits to be read, the vendor's close frame last, is not lost to an agent that is busy for some seconds. */
  #endConnection(): void {
    const socket = this.#socket;
    const patience = setTimeout(() => socket.destroy(), unreadMs);
    socket.once('close', () => clearTimeout(patience));
    socket.end(() => letLinger(socket));
    socket.resume();
  }
}
