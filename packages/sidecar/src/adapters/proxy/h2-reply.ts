import { constants, type ServerHttp2Stream } from 'node:http2';
import type { AppError } from '@leasehold/core';
import type { AgentReply } from '../../ports/agent-exchange.ts';
import { httpStatusOf } from './error-to-http.ts';
import { grpcRefusalHead } from './grpc-refusal.ts';
import { refusalOf } from './refusal.ts';

export interface H2ReplyOptions {
  readonly isHead: boolean;
  readonly isGrpc: boolean;
  /** The agent holds its body back until it is told to go on. */
  readonly isWaiting: boolean;
}

/** The agent's side of an exchange on a stream of HTTP/2. */
export class H2Reply implements AgentReply {
  readonly #stream: ServerHttp2Stream;
  readonly #options: H2ReplyOptions;
  #isWaiting: boolean;
  #hasBody = true;

  constructor(stream: ServerHttp2Stream, options: H2ReplyOptions) {
    this.#stream = stream;
    this.#options = options;
    this.#isWaiting = options.isWaiting;
    // The rest of an upload is wanted by nobody once it is answered (RFC 9113 section 8.1). Not in this turn: a reset would overtake the answer.
    stream.once('finish', () => {
      if (!stream.readableEnded && !stream.endAfterHeaders) setImmediate(() => stream.resume().close(constants.NGHTTP2_NO_ERROR));
    });
  }

  get isStarted(): boolean {
    return this.#stream.headersSent;
  }

  /** A stream that the agent has reset is closed before it is destroyed, and takes no more in between. */
  get #isGone(): boolean {
    return this.#stream.destroyed || this.#stream.closed;
  }

  wantBody(): void {
    if (!this.#isWaiting || this.#isGone) return;
    this.#isWaiting = false;
    this.#stream.additionalHeaders({ ':status': 100 });
  }

  inform(status: number, headers: string[]): void {
    if (!this.#isGone) this.#stream.additionalHeaders({ ':status': status, ...byName(headers) });
  }

  start(status: number, headers: string[], isWhole: boolean): void {
    const endStream = isWhole || this.#options.isHead || status === 204 || status === 205 || status === 304;
    this.#hasBody = !endStream;
    this.#stream.respond([':status', String(status), ...headers], { endStream, waitForTrailers: !endStream });
  }

  write(chunk: Buffer): boolean {
    return this.#hasBody ? this.#stream.write(chunk) : true;
  }

  end(trailers: string[]): void {
    if (!this.#hasBody) return;
    this.#stream.once('wantTrailers', () => this.#sendTrailers(trailers));
    this.#stream.end();
  }

  refuse(error: AppError): number {
    const { isGrpc, isHead } = this.#options;
    if (this.#isGone) return httpStatusOf[error.code];
    if (isGrpc) {
      this.#stream.respond(grpcRefusalHead(error), { endStream: true });
      return httpStatusOf[error.code];
    }
    const { status, headers, body } = refusalOf(error);
    this.#stream.respond([':status', String(status), ...headers], { endStream: isHead });
    if (!isHead) this.#stream.end(body);
    return status;
  }

  /** Called by the session itself: what is thrown from here would reach nobody, and end the process. */
  #sendTrailers(trailers: readonly string[]): void {
    try {
      this.#stream.sendTrailers(byName(trailers));
    } catch {
      this.cut();
    }
  }

  /** Not `close`: Node would say first that the answer is whole. */
  cut(): void {
    this.#stream.destroy(new Error('cut'));
  }
}

/** Without a prototype: the names are the vendor's to choose, `constructor` among them. */
function byName(flat: readonly string[]): Record<string, string | string[]> {
  const named = Object.create(null) as Record<string, string[]>;
  for (let index = 0; index + 1 < flat.length; index += 2) {
    const name = flat[index] ?? '';
    const value = flat[index + 1] ?? '';
    const values = named[name];
    if (values === undefined) named[name] = [value];
    else values.push(value);
  }
  return named;
}
