import type { KnownRoute } from '@leasehold/core';

/** The agent's routes as last told by the broker; undefined before the first time. Replaced whole, never changed in place. */
export interface Routes {
  current(): readonly KnownRoute[] | undefined;
}
