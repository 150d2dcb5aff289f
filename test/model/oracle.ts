import type { Revocation } from '@leasehold/core';
import type { Lease } from '../../packages/broker/src/domain/lease.ts';
import type { VirtualTime } from './virtual-time.ts';

/** Knows everything, and tells whether what the product did keeps its promises. Throws `Broken` when it does not. */
export interface Oracle {
  revoked(event: Revocation): void;
  /** Issued, or renewed; `at` is the database's clock. */
  lent(lease: Lease, at: number): void;
  restored(): void;
  /** A sidecar says that everything up to `seq` of this log is purged: none of what it still holds may be covered. */
  applied(sidecar: string, epoch: string, seq: number, held: readonly string[]): void;
  /** The secret of this lease goes on the wire. */
  injected(sidecar: string, leaseId: string): void;
  /** Something is forwarded on what was sent with it, by a machine that has `untilMs` at least to notice what it slept through. */
  streamed(sidecar: string, leaseId: string, untilMs: number): void;
  readonly counts: { injected: number; streamed: number; revoked: number; restored: number };
  /** The first promise that was broken. */
  readonly broken: Error | undefined;
}

interface Committed {
  readonly event: Revocation;
  readonly life: number;
  readonly at: number;
}

interface Born {
  readonly life: number;
  /** Issued or renewed, and for how long: in real time. */
  endsAt: number;
  readonly lease: Lease;
}

export function createOracle(options: { time: VirtualTime; maxStalenessMs: number; streamGraceMs: number }): Oracle {
  const { time, maxStalenessMs, streamGraceMs } = options;
  const events: Committed[] = [];
  const restores: number[] = [];
  const leases = new Map<string, Born>();
  const appliedUpTo = new Map<string, number>();
  const counts = { injected: 0, streamed: 0, revoked: 0, restored: 0 };
  let life = 1;
  let broken: Error | undefined;

  function breaks(what: string): never {
    broken ??= new Error(`at ${time.now} ms: ${what}`);
    throw broken;
  }

  function bornOf(leaseId: string): Born {
    return leases.get(leaseId) ?? breaks('something was done under a lease that was never issued');
  }

  function coveredBy({ life: itsLife, lease }: Born): readonly Committed[] {
    return events.filter(({ event, life: other }) => other === itsLife && covers(event, lease));
  }

  function isApplied(sidecar: string, { event, life: itsLife }: Committed): boolean {
    return event.seq <= (appliedUpTo.get(`${sidecar} life-${itsLife}`) ?? -1);
  }

  /** `lateMs` after its commit nothing may happen under a lease that a revocation covers; nothing at all once it is applied. */
  function check(what: string, sidecar: string, leaseId: string, lateMs: number, isOver: (endMs: number) => boolean): void {
    const born = bornOf(leaseId);
    for (const each of coveredBy(born)) {
      if (isApplied(sidecar, each)) breaks(`${what}, and revocation ${each.event.seq}, which covers it, was applied`);
      if (isOver(each.at + lateMs)) breaks(`${what} ${time.now - each.at} ms after revocation ${each.event.seq} was committed`);
    }
    const restoredAt = restores[born.life - 1];
    if (restoredAt !== undefined && isOver(restoredAt + lateMs))
      breaks(`${what} ${time.now - restoredAt} ms after the database that issued it was replaced`);
    if (isOver(born.endsAt)) breaks(`${what} ${time.now - born.endsAt} ms after its lease had run out`);
  }

  return {
    counts,
    get broken() {
      return broken;
    },
    revoked(event) {
      counts.revoked += 1;
      events.push({ event, life, at: time.now });
    },
    lent(lease, at) {
      const endsAt = time.now + lease.expiresAt - at;
      const known = leases.get(lease.id);
      if (known === undefined) leases.set(lease.id, { life, endsAt, lease });
      else known.endsAt = endsAt;
    },
    restored() {
      counts.restored += 1;
      restores[life - 1] = time.now;
      life += 1;
    },
    applied(sidecar, epoch, seq, held) {
      appliedUpTo.set(`${sidecar} ${epoch}`, seq);
      for (const leaseId of held)
        if (coveredBy(bornOf(leaseId)).some((each) => isApplied(sidecar, each)))
          breaks('a purge was confirmed, and the value was still there');
    },
    injected(sidecar, leaseId) {
      counts.injected += 1;
      check('a secret was injected', sidecar, leaseId, maxStalenessMs, (endMs) => time.now >= endMs);
    },
    streamed(sidecar, leaseId, untilMs) {
      counts.streamed += 1;
      // A timer ends it in its millisecond, before or after what else is done in that.
      const isOver = (endMs: number): boolean => time.now > Math.max(endMs, untilMs);
      check('a stream went on', sidecar, leaseId, maxStalenessMs + streamGraceMs, isOver);
    },
  };
}

function covers({ scope, ids, seq }: Revocation, lease: Lease): boolean {
  if (lease.issuedAtSeq >= seq) return false;
  const own = { tenant: lease.tenantId, agent: lease.agentId, credential: lease.credentialId, grant: lease.grantId, lease: lease.id };
  return ids.includes(own[scope]);
}
