import { type ClientHttp2Stream, sensitiveHeaders } from 'node:http2';
import { Readable } from 'node:stream';
import { AppError } from '@leasehold/core';
import type { OutgoingExchange, OutgoingRequest, Upstream, UpstreamEvents } from '../../ports/upstream.ts';
import { AnsweredExchange } from './answered-exchange.ts';
import { endStreamFlag } from './frame-walk.ts';
import type { H2Connection, HeadGate } from './h2-connection.ts';
import type { H2Pool, H2Waiter } from './h2-pool.ts';

/** One exchange by HTTP/2, from waiting for a stream to the end of the answer; by HTTP/1.1 where the vendor speaks nothing else. */
export class H2Exchange extends AnsweredExchange implements HeadGate, H2Waiter {
  readonly #pool: H2Pool;
  readonly #http1: Upstream;
  readonly #headersTimeoutMs: number;
  readonly #cancel = new AbortController();
  #stream: ClientHttp2Stream | undefined;
  #instead: OutgoingExchange | undefined;
  #patience: NodeJS.Timeout | undefined;
  #stopBody: (() => void) | undefined;
  #hasHead = false;

  constructor(pool: H2Pool, http1: Upstream, headersTimeoutMs: number, request: OutgoingRequest, on: UpstreamEvents) {
    super(request, on);
    this.#pool = pool;
    this.#http1 = http1;
    this.#headersTimeoutMs = headersTimeoutMs;
  }

  begin(connection: H2Connection): void {
    // Cheap, and spares the connection: there, a head that is stopped takes it along.
    const why = this.on.refusal();
    if (why !== undefined) {
      this.failed(why);
      return;
    }
    this.#attempt(() => {
      const stream = connection.open(toH2Head(this.request), this.request.body === undefined, this, this.#cancel.signal);
      this.#stream = stream;
      this.#listen(stream, connection);
      if (this.request.body === undefined) this.#awaitHead();
      else this.#stopBody = send(this.request.body, stream, () => this.#awaitHead());
    });
  }

  /** What needs HTTP/2 end to end is told so, since it could not be served. */
  beginByHttp1(): void {
    if (isGrpc(this.request)) this.failed(needsH2(this.request.host));
    else this.#instead = this.#http1.send(this.request, this.on);
  }

  refused(why: AppError): void {
    this.failed(why);
  }

  refusal(): AppError | undefined {
    return this.on.refusal();
  }

  left(): void {
    this.on.left();
  }

  stopped(why: AppError): void {
    this.failed(why);
  }

  override abort(why: AppError): void {
    if (this.#instead === undefined) super.abort(why);
    else this.#instead.abort(why);
  }

  override pause(): void {
    if (this.#instead === undefined) super.pause();
    else this.#instead.pause();
  }

  override resume(): void {
    if (this.#instead === undefined) super.resume();
    else this.#instead.resume();
  }

  protected override pauseVendor(): void {
    this.#stream?.pause();
  }

  protected override resumeVendor(): void {
    this.#stream?.resume();
  }

  /** Not `close`: Node would say first that the upload is whole. */
  protected override drop(): void {
    this.#stop();
    if (this.#stream === undefined) this.#pool.leave(this);
    else this.#cancel.abort();
  }

  #listen(stream: ClientHttp2Stream, connection: H2Connection): void {
    let trailers = {};
    stream.on('headers', (headers) => this.#attempt(() => this.answered(headers[':status'] ?? 0, headers, false)));
    stream.once('response', (headers, flags) => {
      this.#hasHead = true;
      clearTimeout(this.#patience);
      this.#attempt(() => this.answered(headers[':status'] ?? 0, headers, (flags & endStreamFlag) !== 0));
      // Not before: Node tells of a head a tick later than of what follows it.
      stream.on('data', (chunk: Buffer) => {
        if (!this.received(chunk)) stream.pause();
      });
    });
    stream.once('trailers', (received) => {
      trailers = received;
    });
    stream.once('end', () => {
      if (connection.isWhole(stream)) this.#whole(trailers);
      else this.failed(brokenOff(this.request.host));
    });
    stream.on('error', (error) => this.lost(error));
    stream.once('close', () => this.lost(brokenOff(this.request.host)));
  }

  #whole(trailers: object): void {
    const isUploading = this.#stream?.writableFinished === false;
    this.#stop();
    this.ended({ ...trailers });
    // An answer may come before the upload is whole; the rest of it is wanted by nobody.
    if (isUploading) this.#cancel.abort();
  }

  #stop(): void {
    clearTimeout(this.#patience);
    this.#stopBody?.();
    this.#stopBody = undefined;
  }

  /** It may be there before the upload is whole. */
  #awaitHead(): void {
    if (this.#hasHead) return;
    const { host } = this.request;
    this.#patience = setTimeout(() => this.failed(tooSlow(host)), this.#headersTimeoutMs);
    this.#patience.unref();
  }

  /** What is thrown in a listener would end the process. */
  #attempt(act: () => void): void {
    try {
      act();
    } catch (thrown) {
      this.failed(thrown);
    }
  }
}

/**
 * Names in lower case, the pseudo-headers first (RFC 9113 section 8.3). `te` says that trailers are understood, without which some gRPC servers refuse.
 * What holds the value is never indexed (RFC 7541 section 7.1.3): it would stay in the table of the connection after its lease, and an agent that
 * writes headers beside it could have it guessed from lengths. `:path` is never indexed by Node.
 */
function toH2Head({ method, path, headers, secretNames }: OutgoingRequest): readonly string[] {
  let authority = '';
  const fields: string[] = [];
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const name = (headers[index] ?? '').toLowerCase();
    const value = headers[index + 1] ?? '';
    if (name === 'host') authority = value;
    else fields.push(name, value);
  }
  const head = [':method', method, ':scheme', 'https', ':authority', authority, ':path', path, ...fields, 'te', 'trailers'];
  return Object.assign(head, { [sensitiveHeaders]: secretNames });
}

/** Sends a body with back-pressure. The returned function stops it where it is. */
function send(body: AsyncIterable<Uint8Array>, stream: ClientHttp2Stream, onWhole: () => void): () => void {
  const source = body instanceof Readable ? body : Readable.from(body);
  const onData = (chunk: Uint8Array) => {
    if (!stream.write(chunk)) source.pause();
  };
  const onDrain = () => source.resume();
  const onEnd = () => {
    stream.end();
    onWhole();
  };
  source.on('data', onData).on('end', onEnd);
  stream.on('drain', onDrain);
  return () => {
    source.off('data', onData).off('end', onEnd);
    stream.off('drain', onDrain);
  };
}

function isGrpc({ headers }: OutgoingRequest): boolean {
  const at = headers.findIndex((text, index) => index % 2 === 0 && text.toLowerCase() === 'content-type');
  return at !== -1 && /^application\/grpc(?![\w-])/i.test(headers[at + 1] ?? '');
}

function needsH2(host: string): AppError {
  return new AppError('upstream_protocol_error', `${host} does not speak HTTP/2, which gRPC needs. Check the destination's host and port.`);
}

function brokenOff(host: string): AppError {
  return new AppError('upstream_unreachable', `${host} broke off before the answer was whole. Try again.`);
}

function tooSlow(host: string): AppError {
  return new AppError('upstream_timeout', `${host} took too long to answer. Try again.`);
}
