import { AppError, type Clock, formatAuthority, type Instant } from '@leasehold/core';
import type { LeaseEntry } from '../domain/lease-entry.ts';
import { type Refused, taught, toError } from '../domain/refused.ts';
import { aboutMatched, type Matched, outsideLimits, route } from '../domain/route.ts';
import type { RouteTable } from '../domain/route-table.ts';
import type { AgentReply, AgentRequest, ExchangeControl, HandleRequest } from '../ports/agent-exchange.ts';
import type { Leases } from '../ports/leases.ts';
import type { Upstream } from '../ports/upstream.ts';
import type { UseLog } from '../ports/use-log.ts';
import { notReady } from './compiled-routes.ts';
import { agentGone, agentGoneStatus, Exchange, type ExchangeMetrics } from './exchange.ts';
import { createLoans } from './loan.ts';
import { createRateLimiter } from './rate-limiter.ts';
import { createBodyRoom } from './whole-body.ts';

export interface HandleRequestOptions {
  readonly leases: Leases;
  /** The agent's routes as they are now; undefined before the broker has told them. */
  readonly tableOf: () => RouteTable | undefined;
  readonly upstream: Upstream;
  readonly useLog: UseLog;
  readonly clock: Clock;
  readonly metrics: ExchangeMetrics;
  /** What operators call the agent, once its session has said so. */
  readonly agentName?: (() => string | undefined) | undefined;
  /** Why the sidecar has not heard from the broker, if something is known. */
  readonly trouble?: () => AppError | undefined;
}

/** For all bodies of an agent that are looked into at one time. */
const maxRoomBytes = 16_777_216;

/** Route, borrow, inject, forward: with a lease in hand all in one turn, without a promise. */
export function createHandleRequest(options: HandleRequestOptions): HandleRequest {
  const { leases, tableOf, clock, useLog, metrics } = options;
  const loanOf = createLoans();
  const deps = { ...options, bodyRoom: createBodyRoom(maxRoomBytes) };
  const rateRefusal = createRateLimiter();

  function record({ target }: AgentRequest, outcome: string, httpStatus: number, matched?: Matched): void {
    const authority = target.way === 'proxy' ? formatAuthority(target) : target.credentialName;
    metrics.exchanged(outcome);
    const credentialId = matched?.route.credentialId ?? '';
    const { path } = matched ?? target;
    useLog.record({ credentialId, leaseId: '', method: target.method, authority, path, outcome, httpStatus });
  }

  function refuse(request: AgentRequest, reply: AgentReply, error: AppError, matched?: Matched): ExchangeControl {
    record(request, error.code, reply.refuse(error), matched);
    return nothingToControl;
  }

  function refuseMatched(request: AgentRequest, reply: AgentReply, matched: Matched, thrown: unknown): ExchangeControl {
    const error = taught(AppError.from(thrown), aboutMatched(matched, options.agentName?.()));
    return refuse(request, reply, error, matched);
  }

  /** What the lease itself allows counts: a grant that was narrowed is lent on at once, and the routes that say so come a little later. */
  function outside(request: AgentRequest, matched: Matched, { limits }: LeaseEntry): Refused | undefined {
    return outsideLimits(matched, request.target.method, limits, options.agentName?.());
  }

  function forward(request: AgentRequest, reply: AgentReply, matched: Matched, entry: LeaseEntry, now: Instant): ExchangeControl {
    try {
      const exchange = new Exchange(deps, request, reply, matched, entry, loanOf(entry, matched.route), now);
      exchange.send();
      return exchange;
    } catch (thrown) {
      return refuseMatched(request, reply, matched, thrown);
    }
  }

  function borrowAndForward(request: AgentRequest, reply: AgentReply, matched: Matched, insteadOf?: LeaseEntry): ExchangeControl {
    let isWaiting = true;
    let control: ExchangeControl = nothingToControl;
    leases.borrow(matched.route.credentialId, insteadOf).then(
      (entry) => {
        if (!isWaiting) return;
        isWaiting = false;
        const now = clock.now();
        // Between the broker's answer and this turn it may have made room for another, or been revoked.
        const gone = leases.refusal(entry, now);
        const refused = outside(request, matched, entry);
        if (gone !== undefined) control = refuseMatched(request, reply, matched, gone);
        else if (refused !== undefined) control = refuse(request, reply, toError(refused), matched);
        else control = forward(request, reply, matched, entry, now);
      },
      (thrown: unknown) => {
        if (!isWaiting) return;
        isWaiting = false;
        refuseMatched(request, reply, matched, thrown);
      },
    );
    return {
      drained: () => control.drained(),
      stalled: (by) => control.stalled(by),
      abandoned: () => {
        if (isWaiting) record(request, agentGone.code, agentGoneStatus, matched);
        isWaiting = false;
        control.abandoned();
      },
    };
  }

  return (request, reply) => {
    const table = tableOf();
    if (table === undefined) return refuse(request, reply, notReady(options.trouble?.()));
    const routed = route(table, request.target, request);
    if (routed.kind === 'refused') return refuse(request, reply, toError(routed));
    const now = clock.now();
    const tooFast = rateRefusal(routed.route, now.monoMs);
    if (tooFast !== undefined) return refuse(request, reply, tooFast, routed);
    const inHand = leases.inHand(routed.route.credentialId, now);
    // One that was lent before its grant was widened is not what the routes speak of.
    const isEnough = inHand !== undefined && outside(request, routed, inHand) === undefined;
    return isEnough ? forward(request, reply, routed, inHand, now) : borrowAndForward(request, reply, routed, inHand);
  };
}

const nothingToControl: ExchangeControl = { drained: () => undefined, stalled: () => undefined, abandoned: () => undefined };
