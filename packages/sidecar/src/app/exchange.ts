import { AppError, type Clock, formatAuthority } from '@leasehold/core';
import { inject } from '../domain/inject.ts';
import type { LeaseEntry } from '../domain/lease-entry.ts';
import type { Routed } from '../domain/route.ts';
import { createScrubber, scrubText } from '../domain/scrub.ts';
import type { AgentReply, AgentRequest, ExchangeControl } from '../ports/agent-exchange.ts';
import type { Leases } from '../ports/leases.ts';
import type { OutgoingExchange, Upstream, UpstreamEvents } from '../ports/upstream.ts';
import type { UseLog } from '../ports/use-log.ts';
import type { Loan } from './loan.ts';

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
}

/**
 * One request under one lease, from its injection to its end. Ends exactly once: answered, refused, cut, or abandoned by the agent;
 * each leaves a use record. Throws AppError `bad_request` before anything was sent.
 */
export function createExchange(
  { leases, upstream, useLog, clock, metrics }: ExchangeDeps,
  request: AgentRequest,
  reply: AgentReply,
  { route, destination, host }: Routed & { kind: 'matched' },
  entry: LeaseEntry,
  { prepared, forms }: Loan,
): ExchangeControl {
  const { target } = request;
  const { scheme, port } = destination;
  const authority = authorityOf(scheme, host, port);
  const { headers, path } = inject(request.rawHeaders, request.path, prepared, authority);
  if (request.contentLength !== undefined) headers.push('content-length', request.contentLength);

  const startedMs = clock.now().monoMs;
  const scrubber = createScrubber(forms);
  let isStreaming = false;
  let isOver = false;
  let status = 0;
  let outgoing: OutgoingExchange | undefined;

  function finish(outcome: string): void {
    isOver = true;
    letGo();
    metrics.exchanged(outcome);
    metrics.upstreamTook(clock.now().monoMs - startedMs);
    useLog.record({
      credentialId: route.credentialId,
      leaseId: entry.leaseId,
      method: target.method,
      authority: formatAuthority({ scheme, host, port }),
      path: target.path,
      outcome,
      httpStatus: status,
    });
  }

  /** Both sides end: the agent's with an error if it has seen nothing yet, else with a cut connection. */
  function stop(why: AppError): void {
    if (isOver) return;
    if (reply.isStarted) reply.cut();
    else status = reply.refuse(why);
    finish(why.code);
    outgoing?.abort(why);
  }

  const on: UpstreamEvents = {
    refusal: () => leases.refusal(entry, clock.now()),
    left: () => {
      isStreaming = true;
    },
    head: (answered, answerHeaders) => {
      if (isOver) return;
      status = answered;
      for (let index = 1; index < answerHeaders.length; index += 2) answerHeaders[index] = scrubText(answerHeaders[index] ?? '', forms);
      reply.start(answered, answerHeaders);
    },
    data: (chunk) => {
      if (isOver) return;
      const clean = scrubber.push(chunk);
      if (clean !== undefined && !reply.write(clean)) outgoing?.pause();
    },
    end: () => {
      if (isOver) return;
      const rest = scrubber.flush();
      if (rest !== undefined) reply.write(rest);
      reply.end();
      finish('forwarded');
    },
    failed: stop,
  };

  // Held before it is sent: a revocation between here and the last gate finds it.
  const letGo = leases.hold(entry, { isStreaming: () => isStreaming, cut: stop });
  if (request.body !== undefined) reply.wantBody();
  outgoing = upstream.send(
    {
      credentialId: route.credentialId,
      version: entry.version,
      destination,
      host,
      method: target.method,
      path,
      headers,
      body: request.body,
    },
    on,
  );
  return {
    drained: () => outgoing?.resume(),
    abandoned: () => {
      if (isOver) return;
      finish('forwarded');
      outgoing?.abort(agentGone);
    },
  };
}

/** Nobody is left to read it. */
const agentGone = new AppError('upstream_unreachable', 'The agent went away.');

function authorityOf(scheme: 'http' | 'https', host: string, port: number): string {
  const name = host.includes(':') ? `[${host}]` : host;
  return port === (scheme === 'https' ? 443 : 80) ? name : `${name}:${port}`;
}
