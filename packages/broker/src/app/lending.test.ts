import { beforeEach, describe, expect, test } from 'vitest';
import type { SessionClaims } from '../ports/use-cases.ts';
import { type BrokerRig, bytes, createRig, draft, grantDraft, text } from './broker-rig.suite.ts';

let rig: BrokerRig;
let caller: SessionClaims;
let credentialId: string;

beforeEach(async () => {
  rig = createRig();
  caller = await rig.session();
  credentialId = (await rig.admin.addCredential(rig.root, 'one', draft('api'), bytes('sk-first-000'))).id;
});

const lend = () => rig.lending.issueLease(caller, { credentialId, ttlMs: 0 });
const grant = () => rig.admin.putGrant(rig.root, 'one', grantDraft('agent', 'api'));
const trail = async () =>
  (await rig.store.audit.newest(caller.tenantId, 100)).map(({ event }) => [event.action, event.reason ?? event.outcome]);

describe('INV-1: no grant, no secret', () => {
  test('with the grant the value comes, with the head that was read first', async () => {
    await grant();
    const lease = await lend();
    expect(text(lease.value)).toBe('sk-first-000');
    expect(lease).toMatchObject({ version: 1, ttlMs: 300_000, epoch: 'epoch-1', issuedAtSeq: 0 });
    expect((await trail()).at(-1)).toEqual(['lease.issued', 'allowed']);
  });

  test('a lease carries the limits of its grant, and the next one those that it was narrowed to', async () => {
    const limits = { methods: ['GET', 'POST'], pathPrefixes: [], ratePerMinute: undefined };
    await rig.admin.putGrant(rig.root, 'one', grantDraft('agent', 'api', { limits }));
    expect((await lend()).limits).toEqual(limits);
    await rig.admin.putGrant(rig.root, 'one', grantDraft('agent', 'api', { limits: { ...limits, methods: ['GET'] } }));
    expect((await lend()).limits).toEqual({ ...limits, methods: ['GET'] });
  });

  test('a renewal names the head that it was decided under, so that a revocation of something else since does not make it look late', async () => {
    await grant();
    const { leaseId } = await lend();
    await rig.admin.addCredential(rig.root, 'one', draft('other'), bytes('sk-other-000'));
    await rig.admin.setCredentialStatus(rig.root, 'one', 'other', 'suspended');
    expect(await rig.lending.renewLease(caller, { leaseId, ttlMs: 0 })).toMatchObject({ leaseId, issuedAtSeq: 1 });
  });

  test('without it the lease is denied, and INV-13: the denial is in the trail', async () => {
    await expect(lend()).rejects.toMatchObject({ code: 'no_grant' });
    expect((await trail()).at(-1)).toEqual(['lease.denied', 'no_grant']);
  });

  test('a new value goes out with the next lease, and the old version dies', async () => {
    await grant();
    const old = await lend();
    await rig.admin.rotateCredential(rig.root, 'one', 'api', bytes('sk-second-00'));
    await expect(rig.lending.renewLease(caller, { leaseId: old.leaseId, ttlMs: 0 })).rejects.toMatchObject({ code: 'lease_ended' });
    const next = await lend();
    expect([text(next.value), next.version, next.issuedAtSeq]).toEqual(['sk-second-00', 2, 1]);
    expect(await rig.store.directory.sealedValue(credentialId, 1)).toBeUndefined();
  });
});

describe('INV-13: no record, no lease', () => {
  test('when the trail can not be written, nothing is lent', async () => {
    const failing = createRig((store) => ({
      ...store,
      ledger: {
        ...store.ledger,
        commit: async (selection, decide) => {
          const committed = await store.ledger.commit(selection, (facts, now) => {
            const decision = decide(facts, now);
            if (decision.audit.some(({ action }) => action === 'lease.issued')) throw new Error('the trail is full');
            return decision;
          });
          return committed;
        },
      },
    }));
    const session = await failing.session();
    const { id } = await failing.admin.addCredential(failing.root, 'one', draft('api'), bytes('sk-first-000'));
    await failing.admin.putGrant(failing.root, 'one', grantDraft('agent', 'api'));
    await expect(failing.lending.issueLease(session, { credentialId: id, ttlMs: 0 })).rejects.toThrow('the trail is full');
    expect((await failing.store.listings.leases(session.tenantId, { limit: 10, after: undefined }, false)).items).toEqual([]);
  });
});

describe('INV-14: the tenant comes from the identity', () => {
  test('another tenant’s credential, lease and trail are as if they were not there', async () => {
    await grant();
    const lease = await lend();
    const stranger = await rig.session('two', 'stranger');
    await expect(rig.lending.issueLease(stranger, { credentialId, ttlMs: 0 })).rejects.toMatchObject({ code: 'no_grant' });
    await expect(rig.lending.renewLease(stranger, { leaseId: lease.leaseId, ttlMs: 0 })).rejects.toMatchObject({ code: 'lease_ended' });
    for (const other of [stranger, await rig.session('one', 'neighbour')])
      expect(await rig.lending.releaseLeases(other, [lease.leaseId])).toBe(0);
    expect((await rig.lending.renewLease(caller, { leaseId: lease.leaseId, ttlMs: 0 })).leaseId).toBe(lease.leaseId);
  });

  test('another agent of the same tenant borrows nothing on a grant that is not its own', async () => {
    await grant();
    const other = await rig.session('one', 'other');
    await expect(rig.lending.issueLease(other, { credentialId, ttlMs: 0 })).rejects.toMatchObject({ code: 'no_grant' });
    expect(await rig.lending.routesOf(other)).toEqual([]);
    expect(await rig.lending.routesOf(caller)).toMatchObject([{ credentialName: 'api', status: 'active' }]);
  });
});

test('a lease is revoked though it ran out by the broker’s clock: the sidecar counts its time by another', async () => {
  await grant();
  const { leaseId } = await lend();
  rig.clock.now += 300_000;
  const { revocation } = await rig.admin.revokeLease(rig.root, 'one', leaseId);
  expect(revocation).toMatchObject({ head: { seq: 1 } });
});

describe('giving back and reporting', () => {
  test('a lease is released once, and is not renewed afterwards', async () => {
    await grant();
    const { leaseId } = await lend();
    expect(await rig.lending.releaseLeases(caller, [leaseId, 'lse_unknown'])).toBe(1);
    expect(await rig.lending.releaseLeases(caller, [leaseId])).toBe(0);
    await expect(rig.lending.renewLease(caller, { leaseId, ttlMs: 0 })).rejects.toMatchObject({ code: 'lease_ended' });
  });

  test('a session of an agent that was deleted, or whose token was rotated, gives nothing back any more', async () => {
    await rig.admin.rotateAgentToken(rig.root, 'one', 'agent');
    await expect(rig.lending.releaseLeases(caller, ['lse_unknown'])).rejects.toMatchObject({ code: 'identity_invalid' });
    const other = await rig.session('one', 'other');
    await rig.admin.setAgentStatus(rig.root, 'one', 'other', 'deleted');
    await expect(rig.lending.releaseLeases(other, ['lse_unknown'])).rejects.toMatchObject({ code: 'identity_invalid' });
  });

  const record = {
    credentialId: '',
    leaseId: '',
    method: 'GET',
    authority: 'https://a:443',
    path: '/x',
    outcome: 'forwarded',
    httpStatus: 200,
    count: 2,
    firstAtMs: 1,
    lastAtMs: 2,
  };

  test('a resent batch counts once; what is not an id of ours does not become one', async () => {
    const batch = {
      batchSeq: 1,
      dropped: 0,
      records: [
        { ...record, leaseId: 'crd_not_a_lease' },
        { ...record, outcome: 'no_grant' },
        { ...record, method: 'CONNECT', outcome: 'passed_blind' },
      ],
    };
    await rig.lending.recordUse(caller, batch);
    await rig.lending.recordUse(caller, batch);
    const used = (await rig.store.audit.newest(caller.tenantId, 10)).filter(({ event }) => event.detail?.instance !== undefined);
    expect(used.map(({ event }) => [event.action, event.leaseId, event.reason, event.detail?.count])).toEqual([
      ['lease.used', undefined, undefined, 2],
      ['request.refused', undefined, 'no_grant', 2],
      ['tunnel.passed_blind', undefined, undefined, 2],
    ]);
  });

  test('reports wait in a line of their own, and not before what the agent wants to do', async () => {
    const lines: (string | undefined)[] = [];
    const watched = createRig((store) => ({
      ...store,
      ledger: {
        ...store.ledger,
        commit: (selection, decide) => {
          lines.push(selection.turn?.of);
          return store.ledger.commit(selection, decide);
        },
      },
    }));
    const agent = await watched.session();
    lines.length = 0;
    await watched.lending.recordUse(agent, { batchSeq: 1, dropped: 0, records: [record] });
    await expect(watched.lending.issueLease(agent, { credentialId, ttlMs: 0 })).rejects.toMatchObject({ code: 'no_grant' });
    expect(lines).toEqual([`uses of ${agent.agentId}`, agent.agentId]);
  });

  test('a batch of a session whose token was rotated is refused, and one that is too large too', async () => {
    await expect(rig.lending.recordUse(caller, { batchSeq: 1, dropped: 0, records: Array(1_001).fill(record) })).rejects.toMatchObject({
      code: 'invalid_argument',
    });
    await rig.admin.rotateAgentToken(rig.root, 'one', 'agent');
    await expect(rig.lending.recordUse(caller, { batchSeq: 2, dropped: 0, records: [record] })).rejects.toMatchObject({
      code: 'identity_invalid',
    });
    await expect(rig.lending.routesOf(caller)).rejects.toMatchObject({ code: 'identity_invalid' });
  });
});
