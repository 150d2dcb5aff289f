import { AppError, type Clock, formatAuthority } from '@leasehold/core';
import type { LeaseEntry } from '../domain/lease-entry.ts';
import { compileRoutes, emptyRouteTable, type Routed, type RouteTable, route } from '../domain/route.ts';
import type { AgentReply, AgentRequest, ExchangeControl, HandleRequest } from '../ports/agent-exchange.ts';
import type { Leases } from '../ports/leases.ts';
import type { Routes } from '../ports/route-table.ts';
import type { Upstream } from '../ports/upstream.ts';
import type { UseLog } from '../ports/use-log.ts';
import { createExchange, type ExchangeMetrics } from './exchange.ts';
import { createLoans } from './loan.ts';
import { createRateLimiter } from './rate-limiter.ts';

export interface HandleRequestOptions {
  readonly leases: Leases;
  readonly routes: Routes;
  readonly upstream: Upstream;
  readonly useLog: UseLog;
  readonly clock: Clock;
  readonly metrics: ExchangeMetrics;
}

type Matched = Routed & { kind: 'matched' };

/** Route, borrow, inject, forward: with a lease in hand all in one turn, without a promise. */
export function createHandleRequest(options: HandleRequestOptions): HandleRequest {
  const { leases, routes, clock, useLog, metrics } = options;
  const loanOf = createLoans();
  const rateRefusal = createRateLimiter();
  const tableOf = createTableCache(routes);

  function refuse(request: AgentRequest, reply: AgentReply, error: AppError, credentialId = ''): ExchangeControl {
    const { target } = request;
    const authority = target.way === 'proxy' ? formatAuthority(target) : target.credentialName;
    const httpStatus = reply.refuse(error);
    metrics.exchanged(error.code);
    useLog.record({ credentialId, leaseId: '', method: target.method, authority, path: target.path, outcome: error.code, httpStatus });
    return nothingToControl;
  }

  function forward(request: AgentRequest, reply: AgentReply, matched: Matched, entry: LeaseEntry): ExchangeControl {
    try {
      return createExchange(options, request, reply, matched, entry, loanOf(entry, matched.route.injection));
    } catch (thrown) {
      return refuse(request, reply, AppError.from(thrown), matched.route.credentialId);
    }
  }

  return (request, reply) => {
    const table = tableOf();
    if (table === undefined) return refuse(request, reply, notReady());
    const routed = route(table, request.target);
    if (routed.kind === 'refused') return refuse(request, reply, new AppError(routed.code, routed.message));
    const now = clock.now();
    const { credentialId } = routed.route;
    const tooFast = rateRefusal(routed.route, now.monoMs);
    if (tooFast !== undefined) return refuse(request, reply, tooFast, credentialId);

    const inHand = leases.inHand(credentialId, now);
    if (inHand !== undefined) return forward(request, reply, routed, inHand);

    let isAbandoned = false;
    let control: ExchangeControl = nothingToControl;
    leases.borrow(credentialId).then(
      (entry) => {
        if (!isAbandoned) control = forward(request, reply, routed, entry);
      },
      (thrown: unknown) => {
        if (!isAbandoned) refuse(request, reply, AppError.from(thrown), credentialId);
      },
    );
    return {
      drained: () => control.drained(),
      abandoned: () => {
        isAbandoned = true;
        control.abandoned();
      },
    };
  };
}

const nothingToControl: ExchangeControl = { drained: () => {}, abandoned: () => {} };

/** Compiled once for each list that the broker sends; undefined before the first. */
function createTableCache(routes: Routes): () => RouteTable | undefined {
  let compiledFrom: ReturnType<Routes['current']>;
  let table = emptyRouteTable;
  return () => {
    const current = routes.current();
    if (current === undefined) return undefined;
    if (current !== compiledFrom) {
      table = compileRoutes(current);
      compiledFrom = current;
    }
    return table;
  };
}

function notReady(): AppError {
  return new AppError('out_of_step', 'The sidecar has not heard from the broker yet, so it knows no routes. Try again in a moment.', {
    retryAfterS: 1,
  });
}
