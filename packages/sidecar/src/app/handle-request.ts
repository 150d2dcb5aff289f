import { AppError, type Clock, formatAuthority, type Instant } from '@leasehold/core';
import type { LeaseEntry } from '../domain/lease-entry.ts';
import { type Routed, type RouteTable, route } from '../domain/route.ts';
import type { AgentReply, AgentRequest, ExchangeControl, HandleRequest } from '../ports/agent-exchange.ts';
import type { Leases } from '../ports/leases.ts';
import type { Upstream } from '../ports/upstream.ts';
import type { UseLog } from '../ports/use-log.ts';
import { notReady } from './compiled-routes.ts';
import { agentGone, agentGoneStatus, Exchange, type ExchangeMetrics } from './exchange.ts';
import { createLoans } from './loan.ts';
import { createRateLimiter } from './rate-limiter.ts';

export interface HandleRequestOptions {
  readonly leases: Leases;
  /** The agent's routes as they are now; undefined before the broker has told them. */
  readonly tableOf: () => RouteTable | undefined;
  readonly upstream: Upstream;
  readonly useLog: UseLog;
  readonly clock: Clock;
  readonly metrics: ExchangeMetrics;
  /** Why the sidecar has not heard from the broker, if something is known. */
  readonly trouble?: () => AppError | undefined;
}

type Matched = Routed & { kind: 'matched' };

/** Route, borrow, inject, forward: with a lease in hand all in one turn, without a promise. */
export function createHandleRequest(options: HandleRequestOptions): HandleRequest {
  const { leases, tableOf, clock, useLog, metrics } = options;
  const loanOf = createLoans();
  const rateRefusal = createRateLimiter();

  function record(request: AgentRequest, outcome: string, httpStatus: number, credentialId: string): void {
    const { target } = request;
    const authority = target.way === 'proxy' ? formatAuthority(target) : target.credentialName;
    metrics.exchanged(outcome);
    useLog.record({ credentialId, leaseId: '', method: target.method, authority, path: target.path, outcome, httpStatus });
  }

  function refuse(request: AgentRequest, reply: AgentReply, error: AppError, credentialId = ''): ExchangeControl {
    record(request, error.code, reply.refuse(error), credentialId);
    return nothingToControl;
  }

  function forward(request: AgentRequest, reply: AgentReply, matched: Matched, entry: LeaseEntry, now: Instant): ExchangeControl {
    try {
      const exchange = new Exchange(options, request, reply, matched, entry, loanOf(entry, matched.route.injection), now);
      exchange.send();
      return exchange;
    } catch (thrown) {
      return refuse(request, reply, AppError.from(thrown), matched.route.credentialId);
    }
  }

  function borrowAndForward(request: AgentRequest, reply: AgentReply, matched: Matched): ExchangeControl {
    const { credentialId } = matched.route;
    let isWaiting = true;
    let control: ExchangeControl = nothingToControl;
    leases.borrow(credentialId).then(
      (entry) => {
        if (!isWaiting) return;
        isWaiting = false;
        control = forward(request, reply, matched, entry, clock.now());
      },
      (thrown: unknown) => {
        if (!isWaiting) return;
        isWaiting = false;
        refuse(request, reply, AppError.from(thrown), credentialId);
      },
    );
    return {
      drained: () => control.drained(),
      stalled: () => control.stalled(),
      abandoned: () => {
        if (isWaiting) record(request, agentGone.code, agentGoneStatus, credentialId);
        isWaiting = false;
        control.abandoned();
      },
    };
  }

  return (request, reply) => {
    const table = tableOf();
    if (table === undefined) return refuse(request, reply, notReady(options.trouble?.()));
    const routed = route(table, request.target);
    if (routed.kind === 'refused') return refuse(request, reply, new AppError(routed.code, routed.message));
    const now = clock.now();
    const { credentialId } = routed.route;
    const tooFast = rateRefusal(routed.route, now.monoMs);
    if (tooFast !== undefined) return refuse(request, reply, tooFast, credentialId);
    const inHand = leases.inHand(credentialId, now);
    return inHand === undefined ? borrowAndForward(request, reply, routed) : forward(request, reply, routed, inHand, now);
  };
}

const nothingToControl: ExchangeControl = { drained: () => undefined, stalled: () => undefined, abandoned: () => undefined };
