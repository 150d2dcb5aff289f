import { AppError } from '@leasehold/core';
import type { RevocationLog } from '../../ports/store.ts';
import type { LendingUseCases, SessionClaims } from '../../ports/use-cases.ts';
import type { Roster } from './roster.ts';
import { routesText, type Subscriber } from './subscriber.ts';
import { withinTime } from './within-time.ts';

/**
 * Works out routes of connected agents, and stages what differs from what they have. A round sends it, after a read of the log that began
 * later: a sidecar hears of a revocation before it hears of the routes that came with it.
 */
export interface RouteRefresh {
  /** For a stream that has no routes yet. */
  want(subscriber: Subscriber): void;
  /** Looks for agents whose routes may have changed. */
  check(): void;
}

export interface RouteRefreshOptions {
  readonly log: Pick<RevocationLog, 'revision' | 'agentsChangedAfter'>;
  readonly routesOf: LendingUseCases['routesOf'];
  readonly roster: Roster;
  readonly breathe: () => Promise<void>;
  readonly timeLimitMs: number;
  readonly onStaged: (subscriber: Subscriber) => void;
  readonly onFault: (thrown: unknown) => void;
  readonly ended: AbortSignal;
}

/** Look-ups under way at once: a storm of reconnects must leave the store to others, too. */
const maxAtOnce = 8;

type Caller = Pick<SessionClaims, 'agentId' | 'tokenVersion'>;

export function createRouteRefresh({
  log,
  routesOf,
  roster,
  breathe,
  timeLimitMs,
  onStaged,
  onFault,
  ended,
}: RouteRefreshOptions): RouteRefresh {
  /** Sidecars of one agent share a look-up. Bounded by who is connected. */
  const queue = new Map<string, Caller>();
  /** Whose look-up failed: tried again at the next check. */
  const failed = new Map<string, Caller>();
  let revision: number | undefined;
  let isCheckDue = false;
  let isRunning = false;

  const enqueue = ({ caller: { agentId, tokenVersion } }: Subscriber) =>
    queue.set(keyOf({ agentId, tokenVersion }), { agentId, tokenVersion });

  const run = async (): Promise<void> => {
    if (isRunning) return;
    isRunning = true;
    try {
      while (!ended.aborted && (isCheckDue || queue.size > 0)) {
        if (isCheckDue) await findChanged();
        const batch = [...queue].slice(0, maxAtOnce);
        for (const [key] of batch) queue.delete(key);
        await Promise.all(batch.map(([, caller]) => refresh(caller)));
        await breathe();
      }
    } finally {
      isRunning = false;
    }
  };

  const findChanged = async (): Promise<void> => {
    isCheckDue = false;
    for (const [key, caller] of failed) queue.set(key, caller);
    failed.clear();
    try {
      if (roster.size === 0) revision = undefined;
      else if (revision === undefined) {
        revision = await withinTime(log.revision(), timeLimitMs);
        for (const subscriber of roster.all()) enqueue(subscriber);
      } else {
        const changed = await withinTime(log.agentsChangedAfter(revision), timeLimitMs);
        revision = changed.revision;
        for (const agentId of changed.agentIds) for (const subscriber of roster.ofAgent(agentId)) enqueue(subscriber);
      }
    } catch (thrown) {
      // The next check looks at everybody.
      revision = undefined;
      onFault(thrown);
    }
  };

  const refresh = async (caller: Caller): Promise<void> => {
    try {
      const routes = await withinTime(routesOf(caller), timeLimitMs);
      const text = routesText(routes);
      const message = { kind: 'routes', routes } as const;
      for (const subscriber of sameCallers(caller)) if (subscriber.stage(message, text)) onStaged(subscriber);
    } catch (thrown) {
      const error = AppError.from(thrown);
      if (error.code === 'identity_invalid') for (const subscriber of sameCallers(caller)) dismiss(subscriber, error);
      else {
        // Nobody waits for one who has left.
        if (sameCallers(caller).length > 0) failed.set(keyOf(caller), caller);
        onFault(thrown);
      }
    }
  };

  /** Who has no identity any more still hears of the revocation that took it (INV-4), but has no more time for it than anybody. */
  const dismiss = (subscriber: Subscriber, error: AppError) => {
    const how = { kind: 'error', error } as const;
    // One that begins with an identity that is gone was never in step by this stream, and must not take the place of one that has a good one.
    if (!subscriber.hasRoutes) return subscriber.end(how);
    if (!subscriber.dismiss(how)) return;
    onStaged(subscriber);
    setTimeout(() => subscriber.end(how), timeLimitMs).unref();
  };

  const sameCallers = ({ agentId, tokenVersion }: Caller): readonly Subscriber[] =>
    [...roster.ofAgent(agentId)].filter(({ caller }) => caller.tokenVersion === tokenVersion);

  const start = () => {
    run().catch(onFault);
  };

  return {
    want(subscriber) {
      // A neighbour's look-up may have brought them: what changes later is told to all alike.
      if (subscriber.hasRoutes) return;
      enqueue(subscriber);
      start();
    },
    check() {
      isCheckDue = true;
      start();
    },
  };
}

function keyOf({ agentId, tokenVersion }: Caller): string {
  return `${agentId}/${tokenVersion}`;
}
