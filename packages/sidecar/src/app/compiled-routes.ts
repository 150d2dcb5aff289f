import { AppError } from '@leasehold/core';
import { compileRoutes, emptyRouteTable, type RouteTable } from '../domain/route-table.ts';
import type { Routes } from '../ports/routes.ts';

/** Compiled once for each list that the broker sends; undefined before the first. `agentName` is known by then, since the session came first. */
export function createCompiledRoutes(routes: Routes, agentName: () => string | undefined = () => undefined): () => RouteTable | undefined {
  let compiledFrom: ReturnType<Routes['current']>;
  let table = emptyRouteTable;
  return () => {
    const current = routes.current();
    if (current === undefined) return undefined;
    if (current !== compiledFrom) {
      table = compileRoutes(current, agentName());
      compiledFrom = current;
    }
    return table;
  };
}

/** A sidecar that the broker does not know is told so, in the words that name the next step. */
export function notReady(trouble: AppError | undefined): AppError {
  const why = trouble === undefined ? 'Try again in a moment.' : trouble.message;
  return new AppError('out_of_step', `The sidecar has not heard from the broker yet, so it knows no routes. ${why}`, { retryAfterS: 1 });
}
