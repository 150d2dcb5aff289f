import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decideIssue, decideRenew } from './decide-lease.ts';
import type { Facts } from './facts.ts';
import { leaseStatus } from './lease-liveness.ts';
import { aLineage, type Lineage } from './lineage.suite.ts';

const now = 1_000_000;

const factsOf = ({ tenant, agent, credential, grant }: Lineage, seq = 5): Facts => ({
  head: { epoch: 'e', seq },
  tenant,
  agent,
  credential,
  grant,
  lease: undefined,
  lastUseBatch: undefined,
});
const ask = { agentId: 'agt_1', tokenVersion: 1, credentialId: 'crd_1', leaseId: 'lse_1', ttlMs: 0 };

/** Every way in which a lineage can be unfit, and the reason that the agent is told. */
const killings: readonly (readonly [string, (lineage: Lineage) => Lineage, string])[] = [
  ['tenant suspended', (each) => ({ ...each, tenant: { ...each.tenant, status: 'suspended' } }), 'tenant_suspended'],
  ['agent suspended', (each) => ({ ...each, agent: { ...each.agent, status: 'suspended' } }), 'agent_suspended'],
  ['agent deleted', (each) => ({ ...each, agent: { ...each.agent, status: 'deleted' } }), 'identity_invalid'],
  ['agent token rotated', (each) => ({ ...each, agent: { ...each.agent, tokenVersion: 2 } }), 'identity_invalid'],
  ['credential suspended', (each) => ({ ...each, credential: { ...each.credential, status: 'suspended' } }), 'credential_suspended'],
  ['credential deleted', (each) => ({ ...each, credential: { ...each.credential, status: 'deleted' } }), 'no_grant'],
  ['grant revoked', (each) => ({ ...each, grant: { ...each.grant, status: 'revoked' } }), 'no_grant'],
  ['grant run out', (each) => ({ ...each, grant: { ...each.grant, notAfter: now } }), 'grant_expired'],
];

describe('issuing', () => {
  test('with every parent live, a lease is issued with the head that was read first, and audited', () => {
    const decision = decideIssue(factsOf(aLineage()), ask, now);
    expect(decision).toMatchObject({
      kind: 'issue',
      lease: { id: 'lse_1', issuedAtSeq: 5, version: 3, issuedAt: now, ended: undefined },
      audit: { action: 'lease.issued', outcome: 'allowed', leaseId: 'lse_1', credentialId: 'crd_1' },
    });
  });

  test.each(killings)('INV-1, INV-3: %s: denied with its reason, and the denial is audited', (_, kill, reason) => {
    const decision = decideIssue(factsOf(kill(aLineage())), ask, now);
    expect(decision).toMatchObject({
      kind: 'deny',
      reason,
      audit: { action: 'lease.denied', outcome: 'denied', reason, agentId: 'agt_1' },
    });
  });

  test('INV-14: a credential without a grant and one that is not there get the same answer', () => {
    const { tenant, agent, credential } = aLineage();
    const base = factsOf(aLineage());
    const ungranted = decideIssue({ ...base, tenant, agent, credential, grant: undefined }, ask, now);
    const missing = decideIssue({ ...base, tenant, agent, credential: undefined, grant: undefined }, ask, now);
    expect([ungranted, missing].map(({ kind, ...rest }) => [kind, 'reason' in rest && rest.reason])).toEqual([
      ['deny', 'no_grant'],
      ['deny', 'no_grant'],
    ]);
  });

  test('an unknown tenant or agent is an invalid identity, and nobody’s trail is written for a tenant that is not there', () => {
    const base = factsOf(aLineage());
    expect(decideIssue({ ...base, tenant: undefined, head: undefined }, ask, now)).toEqual({
      kind: 'deny',
      reason: 'identity_invalid',
      audit: undefined,
    });
    expect(decideIssue({ ...base, agent: undefined }, ask, now)).toMatchObject({ kind: 'deny', reason: 'identity_invalid' });
  });

  test('a lease is issued exactly when no parent is unfit, and never outlives any limit', () => {
    const ttl = fc.integer({ min: 1_000, max: 3_600_000 });
    const unfit = fc.subarray(killings.map(([name]) => name));
    fc.assert(
      fc.property(ttl, ttl, fc.option(ttl), fc.option(ttl), unfit, (grantTtl, maxTtl, asked, left, names) => {
        let lineage = aLineage({
          grant: { ttlMs: grantTtl, notAfter: left === null ? undefined : now + left },
          credential: { maxTtlMs: maxTtl },
        });
        for (const [name, kill] of killings) if (names.includes(name)) lineage = kill(lineage);
        const decision = decideIssue(factsOf(lineage), { ...ask, ttlMs: asked ?? 0 }, now);
        expect(decision.kind).toBe(names.length === 0 ? 'issue' : 'deny');
        if (decision.kind === 'deny') return;
        expect(decision.ttlMs).toBe(Math.min(grantTtl, maxTtl, asked ?? Number.POSITIVE_INFINITY, left ?? Number.POSITIVE_INFINITY));
        expect(decision.lease.expiresAt).toBe(now + decision.ttlMs);
      }),
    );
  });
});

describe('renewing', () => {
  const issued = () => {
    const decision = decideIssue(factsOf(aLineage()), ask, now);
    if (decision.kind !== 'issue') throw new Error('not issued');
    return decision.lease;
  };
  const renew = (lineage: Lineage, lease = issued(), at = now + 1_000, agentId = 'agt_1') =>
    decideRenew({ ...factsOf(lineage, 9), lease }, { agentId, tokenVersion: 1, leaseId: lease.id, ttlMs: 0 }, at);

  test('moves the end of a live lease and leaves what was read at its issue as it was', () => {
    expect(renew(aLineage())).toMatchObject({
      kind: 'issue',
      lease: { issuedAtSeq: 5, issuedAt: now, renewals: 1, expiresAt: now + 1_000 + 300_000 },
    });
  });

  test.each(killings)('%s: not renewed', (_, kill) => {
    expect(renew(kill(aLineage())).kind).toBe('deny');
  });

  test('a lease that ran out, ended, or belongs to another agent is not renewed', () => {
    expect(renew(aLineage(), issued(), now + 300_000)).toMatchObject({ kind: 'deny', reason: 'lease_ended' });
    expect(renew(aLineage(), { ...issued(), ended: { how: 'released', at: now } })).toMatchObject({ kind: 'deny', reason: 'lease_ended' });
    expect(renew(aLineage(), { ...issued(), agentId: 'agt_2' })).toMatchObject({ kind: 'deny', reason: 'lease_ended' });
  });

  test('INV-3: a parent that was cut and resumed brings nothing back', () => {
    const cutAndResumed = aLineage({ credential: { cutSeq: 6 } });
    expect(renew(cutAndResumed)).toMatchObject({ kind: 'deny', reason: 'lease_ended' });
    expect(leaseStatus(issued(), cutAndResumed, now)).toBe('revoked');
  });
});

describe('the status of a lease', () => {
  const lease = {
    id: 'l',
    tenantId: 't',
    agentId: 'agt_1',
    credentialId: 'c',
    grantId: 'g',
    version: 3,
    issuedAtSeq: 5,
    issuedAt: now,
    expiresAt: now + 100,
    renewals: 0,
    ended: undefined,
  };

  test('INV-7: expires at its end, not after it', () => {
    expect(leaseStatus(lease, aLineage(), now + 99)).toBe('active');
    expect(leaseStatus(lease, aLineage(), now + 100)).toBe('expired');
  });

  test('INV-3: is revoked as soon as any parent is cut later than it was issued, or its version is not the current one', () => {
    for (const parent of ['tenant', 'agent', 'credential', 'grant'] as const) {
      expect(leaseStatus(lease, aLineage({ [parent]: { cutSeq: 6 } }), now)).toBe('revoked');
      expect(leaseStatus(lease, aLineage({ [parent]: { cutSeq: 5 } }), now)).toBe('active');
    }
    expect(leaseStatus(lease, aLineage({ credential: { version: 4 } }), now)).toBe('revoked');
  });
});
