import { LRUCache } from 'lru-cache';
import type { TlsRejection } from '../ports/tls-rejections.ts';

/** Remembers which hosts have clients that don't take our certificates: pinned, or not given the CA. For `leasehold doctor`. */
export interface TlsRejections {
  add(host: string, how: TlsRejection): void;
  /** The newest last. */
  list(): readonly RejectedHost[];
}

export interface RejectedHost {
  readonly host: string;
  readonly count: number;
  readonly how: TlsRejection;
}

export interface TlsRejectionsOptions {
  readonly maxHosts: number;
  readonly onFirst: (host: string, how: TlsRejection) => void;
}

export function createTlsRejections({ maxHosts, onFirst }: TlsRejectionsOptions): TlsRejections {
  const rejected = new LRUCache<string, RejectedHost>({ max: maxHosts });
  return {
    add(host, how) {
      const known = rejected.get(host);
      rejected.set(host, { host, count: (known?.count ?? 0) + 1, how });
      if (known === undefined) onFirst(host, how);
    },
    list: () => [...rejected.values()].reverse(),
  };
}
