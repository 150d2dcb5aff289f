import type { Use, UseLog } from '../ports/use-log.ts';

/** How often a host was called, and how that went: `GET /hosts`, for `leasehold doctor`. */
export interface CalledHost {
  /** `https://api.example.com:443`; the credential's name where a base URL led to no host. */
  readonly authority: string;
  readonly requests: number;
  /** By outcome: `forwarded`, `passed_blind`, or the code of an error. */
  readonly outcomes: Readonly<Record<string, number>>;
}

export interface HostTally extends UseLog {
  /** In the order of their first call. */
  list(): readonly CalledHost[];
}

/** Counts by host what goes into a use log, up to `maxHosts` of them: an agent chooses the names. */
export function createHostTally(useLog: UseLog, maxHosts: number): HostTally {
  const hosts = new Map<string, Map<string, number>>();
  return {
    record(use: Use) {
      useLog.record(use);
      let outcomes = hosts.get(use.authority);
      if (outcomes === undefined) {
        if (hosts.size >= maxHosts) return;
        outcomes = new Map();
        hosts.set(use.authority, outcomes);
      }
      outcomes.set(use.outcome, (outcomes.get(use.outcome) ?? 0) + 1);
    },
    list: () =>
      [...hosts].map(([authority, outcomes]) => ({
        authority,
        requests: [...outcomes.values()].reduce((sum, count) => sum + count, 0),
        outcomes: Object.fromEntries(outcomes),
      })),
  };
}
