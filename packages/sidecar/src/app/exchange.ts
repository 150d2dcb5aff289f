import { AppError, type BodyForm, type Clock, formatAuthority, type Instant } from '@leasehold/core';
import { rewriteForBaseUrl } from '../domain/base-url.ts';
import { type Injected, inject } from '../domain/inject.ts';
import type { LeaseEntry } from '../domain/lease-entry.ts';
import { taught } from '../domain/refused.ts';
import { bodyFormOf, replaceInBody } from '../domain/replace-in-body.ts';
import { aboutMatched, type Matched } from '../domain/route.ts';
import { createScrubber, type Scrubber, scrubHeaders } from '../domain/scrub.ts';
import { createFrameScrubber } from '../domain/scrub-frames.ts';
import type { AgentReply, AgentRequest, ExchangeControl } from '../ports/agent-exchange.ts';
import type { Leases } from '../ports/leases.ts';
import type { OutgoingExchange, Upstream, UpstreamEvents } from '../ports/upstream.ts';
import type { UseLog } from '../ports/use-log.ts';
import type { Loan } from './loan.ts';
import { type BodyRoom, WholeBody } from './whole-body.ts';

export interface ExchangeMetrics {
  /** `forwarded`, or the error code that the agent was given. */
  exchanged(result: string): void;
  upstreamTook(ms: number): void;
}

export interface ExchangeDeps {
  readonly leases: Leases;
  readonly upstream: Upstream;
  readonly useLog: UseLog;
  readonly clock: Clock;
  readonly metrics: ExchangeMetrics;
  readonly bodyRoom: BodyRoom;
  /** What operators call the agent, once its session has said so. */
  readonly agentName?: (() => string | undefined) | undefined;
}

/** The answer behind which a WebSocket's frames follow. */
const switchingProtocols = 101;

/** nginx's status for an agent that left before it was answered: for records, never sent. */
export const agentGoneStatus = 499;

/**
 * One request under one lease, from its injection to its end. Ends exactly once: answered, refused, cut, or abandoned by the agent;
 * each leaves a use record. A class, since one is made for each request of the hot path.
 */
export class Exchange implements UpstreamEvents, ExchangeControl {
  readonly #deps: ExchangeDeps;
  readonly #request: AgentRequest;
  readonly #reply: AgentReply;
  readonly #matched: Matched;
  readonly #entry: LeaseEntry;
  readonly #loan: Loan;
  readonly #startedAt: Instant;
  #letGo: (() => void) | undefined;
  #outgoing: OutgoingExchange | undefined;
  #scrubber: Scrubber | undefined;
  /** While a body is looked into for the placeholder, and until the exchange is over. */
  #whole: WholeBody | undefined;
  #edited: Buffer | undefined;
  #hasLeft = false;
  #isOver = false;
  #status = 0;

  constructor(deps: ExchangeDeps, request: AgentRequest, reply: AgentReply, matched: Matched, entry: LeaseEntry, loan: Loan, now: Instant) {
    this.#deps = deps;
    this.#request = request;
    this.#reply = reply;
    this.#matched = matched;
    this.#entry = entry;
    this.#loan = loan;
    this.#startedAt = now;
  }

  /** Throws AppError `bad_request` before anything was sent. */
  send(): void {
    const { protocol, rawHeaders, contentLength, body } = this.#request;
    // Frames are no body of any form.
    const isMessage = body !== undefined && protocol !== 'websocket';
    const form = isMessage ? bodyFormOf(this.#matched.destination.body, this.#loan.prepared.placeholder, rawHeaders) : undefined;
    const injected = form === undefined ? this.#inject(contentLength) : undefined;
    // Held before it is sent: a revocation between here and the last gate finds it.
    this.#letGo = this.#deps.leases.hold(this.#entry, { isStreaming: () => this.#hasLeft, cut: (why) => this.#stop(why) });
    if (body !== undefined) this.#reply.wantBody();
    if (injected !== undefined) this.#forward(injected, body);
    else if (form !== undefined && body !== undefined)
      this.#whole = new WholeBody(body, this.#deps.bodyRoom, (outcome) => this.#sendEdited(form, outcome));
  }

  #inject(contentLength: string | undefined): Injected {
    const { destination, host } = this.#matched;
    const injected = inject(this.#request.rawHeaders, this.#request.path, this.#loan.prepared, hostOf(destination, host));
    if (contentLength !== undefined) injected.headers.push('content-length', contentLength);
    return injected;
  }

  #forward({ headers, secretNames, path }: Injected, body: AsyncIterable<Uint8Array> | undefined): void {
    const { destination, host, route } = this.#matched;
    const { protocol, target } = this.#request;
    const { version } = this.#entry;
    const { credentialId } = route;
    const { method } = target;
    const outgoing = { protocol, credentialId, version, destination, host, method, path, headers, secretNames, body };
    this.#outgoing = this.#deps.upstream.send(outgoing, this);
  }

  /** The last gate is still ahead: nothing was written yet, however long the body took to come. */
  #sendEdited(form: BodyForm, outcome: Buffer | AppError): void {
    const { placeholder } = this.#loan.prepared;
    if (this.#isOver || placeholder === undefined) return;
    try {
      if (outcome instanceof AppError) throw outcome;
      this.#edited = replaceInBody(form, outcome, placeholder);
      this.#forward(this.#inject(String(this.#edited.length)), inOnePiece(this.#edited));
    } catch (thrown) {
      this.#stop(AppError.from(thrown));
    }
  }

  refusal(): AppError | undefined {
    return this.#deps.leases.refusal(this.#entry, this.#deps.clock.now());
  }

  left(): void {
    this.#hasLeft = true;
  }

  informed(status: number, headers: string[]): void {
    if (this.#isOver) return;
    this.#translate(headers);
    this.#reply.inform(status, headers);
  }

  head(status: number, headers: string[], isWhole: boolean): void {
    if (this.#isOver) return;
    this.#translate(headers);
    this.#reply.start(status, headers, isWhole);
    this.#status = status;
    if (status === switchingProtocols) this.#scrubber = createFrameScrubber(this.#loan.forms);
  }

  data(chunk: Buffer): void {
    if (this.#isOver) return;
    this.#scrubber ??= createScrubber(this.#loan.forms);
    const clean = this.#scrubber.push(chunk);
    if (clean !== undefined && !this.#reply.write(clean)) this.#outgoing?.pause();
  }

  end(trailers: string[]): void {
    if (this.#isOver) return;
    const rest = this.#scrubber?.flush();
    if (rest !== undefined) this.#reply.write(rest);
    scrubHeaders(trailers, this.#loan.forms);
    this.#reply.end(trailers);
    this.#finish('forwarded');
  }

  failed(why: AppError): void {
    this.#stop(why);
  }

  drained(): void {
    if (!this.#isOver) this.#outgoing?.resume();
  }

  stalled(by: 'agent' | 'vendor'): void {
    this.#stop(by === 'agent' ? bodyMissing() : bodyNotTaken(this.#matched.host));
  }

  abandoned(): void {
    if (this.#isOver) return;
    if (this.#status === 0) this.#status = agentGoneStatus;
    // What has left may have been acted on; what has not was used by nobody.
    this.#finish(this.#hasLeft ? 'forwarded' : agentGone.code);
    this.#outgoing?.abort(agentGone);
  }

  /** Scrubbed first: what is rewritten is spelled anew. */
  #translate(headers: string[]): void {
    scrubHeaders(headers, this.#loan.forms);
    const { baseUrl, path } = this.#request;
    if (baseUrl === undefined) return;
    const { destination, host } = this.#matched;
    const { scheme, port } = destination;
    rewriteForBaseUrl(headers, () => ({ baseUrl, upstream: { scheme, host, port }, path }));
  }

  /** Both sides end: the agent's with an error if it has seen nothing yet, else with a cut connection. */
  #stop(why: AppError): void {
    if (this.#isOver) return;
    // What is cut may say at once that it is gone.
    this.#isOver = true;
    if (this.#reply.isStarted) this.#reply.cut();
    else this.#status = this.#reply.refuse(taught(why, aboutMatched(this.#matched, this.#deps.agentName?.())));
    this.#finish(why.code);
    this.#outgoing?.abort(why);
  }

  #finish(outcome: string): void {
    this.#isOver = true;
    this.#letGo?.();
    this.#whole?.drop();
    // The value may stand in it (INV-15).
    this.#edited?.fill(0);
    const { clock, metrics, useLog } = this.#deps;
    const { target } = this.#request;
    const { destination, host, route } = this.#matched;
    metrics.exchanged(outcome);
    metrics.upstreamTook(clock.now().monoMs - this.#startedAt.monoMs);
    useLog.record({
      credentialId: route.credentialId,
      leaseId: this.#entry.leaseId,
      method: target.method,
      authority: formatAuthority({ scheme: destination.scheme, host, port: destination.port }),
      path: this.#matched.path,
      outcome,
      httpStatus: this.#status,
    });
  }
}

/** The code of records for an agent that went away before anything was sent for it. */
export const agentGone: AppError = new AppError('bad_request', 'The agent went away before its request was sent.');

function bodyMissing(): AppError {
  return new AppError('bad_request', 'No more of the request body came for too long. Send the request again.');
}

function bodyNotTaken(host: string): AppError {
  return new AppError('upstream_timeout', `${host} took no more of the request body for too long. Try again.`);
}

async function* inOnePiece(bytes: Buffer): AsyncGenerator<Buffer> {
  if (bytes.length > 0) yield bytes;
}

function hostOf({ scheme, port }: { readonly scheme: 'http' | 'https'; readonly port: number }, host: string): string {
  const name = host.includes(':') ? `[${host}]` : host;
  return port === (scheme === 'https' ? 443 : 80) ? name : `${name}:${port}`;
}
