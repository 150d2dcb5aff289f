import type { KnownRoute } from '@leasehold/core';
import type { Routes } from '../ports/routes.ts';

/** Routes hold no authority: that a request goes out hangs on its lease alone, so the last list known stays in use while the sidecar is out of step. */
export interface KnownRoutes extends Routes {
  replace(routes: readonly KnownRoute[]): void;
}

export function createKnownRoutes(): KnownRoutes {
  let routes: readonly KnownRoute[] | undefined;
  return {
    current: () => routes,
    replace(next) {
      routes = next;
    },
  };
}
