import type { AppError } from '@leasehold/core';
import type { Target } from '../domain/route.ts';

/** What an exchange is carried by: a message each way; a stream of HTTP/2; or, once the vendor has agreed, WebSocket frames both ways. */
export type Protocol = 'http/1.1' | 'h2' | 'websocket';

/** A request as an agent made it, whichever way it came in. */
export interface AgentRequest {
  readonly protocol: Protocol;
  readonly target: Target;
  /** With query. */
  readonly path: string;
  /** Flat, letter case and duplicates kept. */
  readonly rawHeaders: readonly string[];
  /** Undefined when there is none. Of a WebSocket: all that follows the handshake, not to be read before the vendor has agreed. */
  readonly body: AsyncIterable<Uint8Array> | undefined;
  readonly contentLength: string | undefined;
  /** `http://127.0.0.1:PORT/<credential>`, where that is how the request came. */
  readonly baseUrl?: string;
}

/** The agent's side of an exchange. */
export interface AgentReply {
  /** Whether the head of an answer has gone out: after that an error can only cut. */
  readonly isStarted: boolean;
  /** Says that the body is wanted, to an agent that waits for it (`Expect: 100-continue`). */
  wantBody(): void;
  /** An interim answer, such as 103. Only before `start`. */
  inform(status: number, headers: string[]): void;
  /**
   * `isWhole`: neither body nor trailers follow. After 101, which only a WebSocket is answered, `write` and `end` carry frames.
   * Throws when a header can't be written as it is; then nothing was.
   */
  start(status: number, headers: string[], isWhole: boolean): void;
  /** False: stop until `drained` is called. */
  write(chunk: Buffer): boolean;
  end(trailers: string[]): void;
  /** Answers with a typed error; returns the status. Only before `start`. */
  refuse(error: AppError): number;
  /** Ends the connection so that nobody takes what came for the whole. */
  cut(): void;
}

/** What the proxy tells the use case about the agent's side. */
export interface ExchangeControl {
  /** There is room again. */
  drained(): void;
  /** Nothing of the agent's body has moved for too long: no more of it came, or the vendor took no more. */
  stalled(by: 'agent' | 'vendor'): void;
  /** The agent is gone. */
  abandoned(): void;
}

/** The use case behind every request: `app/handle-request.ts`. */
export type HandleRequest = (request: AgentRequest, reply: AgentReply) => ExchangeControl;
