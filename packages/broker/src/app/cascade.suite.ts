import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { MemoryStoreOptions } from '../adapters/memory/memory-store.ts';
import type { Store } from '../ports/store.ts';
import type { SessionClaims } from '../ports/use-cases.ts';
import { type BrokerRig, bytes, createRig, draft, grantDraft } from './broker-rig.suite.ts';
import { cascades, everything, type Name } from './cascades.suite.ts';

/** What each change of a parent does to the leases below it, and to those beside it. */

interface Lent {
  readonly caller: SessionClaims;
  readonly credentialId: string;
  readonly leaseId: string;
  readonly tenant: string;
}

const page = { limit: 100, after: undefined };

export function describeCascade(store: string, open: (memory: Store, options: MemoryStoreOptions) => Store): void {
  describe(`INV-3, on ${store}:`, () => {
    let rig: BrokerRig;
    let lent: Map<Name, Lent>;

    beforeEach(async () => {
      rig = createRig(open);
      lent = await lendAll(rig);
    });
    afterEach(() => rig.store.close());

    const renew = async (name: Name) => {
      const { caller, leaseId } = of(lent, name);
      return outcome(rig.lending.renewLease(caller, { leaseId, ttlMs: 0 }));
    };
    const issue = async (name: Name) => {
      const { caller, credentialId } = of(lent, name);
      return outcome(rig.lending.issueLease(caller, { credentialId, ttlMs: 0 }));
    };
    const logOf = async (name: string) => {
      const { tenant: found, head: { epoch } = { epoch: '' } } = await rig.store.directory.find({ tenant: { name } });
      return rig.store.log.after(found?.id ?? '', { epoch, seq: 0 }, 10);
    };

    test.each(cascades)('$name ends every lease below it by one row, visits none of them, and leaves the others alone', async (change) => {
      await change.act(rig);
      const touched = new Set(change.dies.map((name) => of(lent, name).tenant));
      for (const each of ['one', 'two'])
        expect(await logOf(each)).toMatchObject(touched.has(each) ? [{ seq: 1, scope: change.scope, reason: change.reason }] : []);
      // The rows below are as they were: that they are dead is derived.
      for (const each of touched)
        for (const { lease } of (
          await rig.store.listings.leases(of(lent, each === 'one' ? 'agent/api' : 'two/api').caller.tenantId, page, true)
        ).items)
          expect(lease.ended).toBeUndefined();
      for (const name of everything)
        expect([name, await renew(name)]).toEqual([name, change.dies.includes(name) ? expect.not.stringMatching('ok') : 'ok']);
      for (const name of change.dies) expect([name, await issue(name)]).toEqual([name, change.afterwards ?? 'ok']);
    });

    test.each(cascades.filter(({ resume }) => resume !== undefined))(
      '$name and given back lends anew, and no old lease lives again',
      async (change) => {
        await change.act(rig);
        await change.resume?.(rig);
        for (const name of change.dies) {
          expect([name, await renew(name)]).toEqual([name, 'lease_ended']);
          expect([name, await issue(name)]).toEqual([name, 'ok']);
        }
      },
    );

    test('a lease that is revoked by itself ends alone, and the next one is lent', async () => {
      const { leaseId } = of(lent, 'agent/api');
      await rig.admin.revokeLease(rig.root, 'one', leaseId);
      expect(await logOf('one')).toMatchObject([{ seq: 1, scope: 'lease', ids: [leaseId], reason: 'revoked' }]);
      expect(await Promise.all(everything.map(renew))).toEqual(['lease_ended', 'ok', 'ok', 'ok']);
      expect(await issue('agent/api')).toBe('ok');
    });

    test('no lease outlives its grant: the last one is cut to not_after, and ends there with nothing said', async () => {
      const { caller, credentialId } = of(lent, 'agent/api');
      await rig.admin.putGrant(rig.root, 'one', grantDraft('agent', 'api', { notAfter: rig.clock.now + 1_000 }));
      const { leaseId, ttlMs } = await rig.lending.issueLease(caller, { credentialId, ttlMs: 0 });
      expect(ttlMs).toBe(1_000);
      rig.clock.now += 400;
      expect(await rig.lending.renewLease(caller, { leaseId, ttlMs: 0 })).toMatchObject({ ttlMs: 600 });
      rig.clock.now += 600;
      expect(await outcome(rig.lending.renewLease(caller, { leaseId, ttlMs: 0 }))).toBe('lease_ended');
      expect(await issue('agent/api')).toBe('grant_expired');
      // Putting an end to the grant was the only revocation.
      expect(await logOf('one')).toMatchObject([{ seq: 1, scope: 'grant', reason: 'narrowed' }]);
    });

    test('what is killed twice is killed twice, so that whoever pulls the switch again is told again', async () => {
      await rig.admin.killTenant(rig.root, 'one');
      const [one] = (await rig.admin.killAll(rig.root)).killed.filter(({ row }) => row.name === 'one');
      expect(one).toMatchObject({ row: { status: 'suspended' }, revocation: { head: { seq: 2 } } });
      const trail = (await rig.admin.auditRows(rig.root, 'one', { newest: 2 })).map(({ event }) => event);
      expect(trail).toMatchObject([
        { action: 'tenant.killed', reason: 'killed', detail: { was: 'active', reach: 'tenant' } },
        { action: 'tenant.killed', reason: 'killed', detail: { was: 'suspended', reach: 'all' } },
      ]);
    });

    test('killing everything wakes the watchers once, and the trail of every tenant verifies', async () => {
      const wakeUps = rig.wakeUps();
      await rig.admin.killAll(rig.root);
      expect(rig.wakeUps()).toBe(wakeUps + 1);
      for (const name of ['one', 'two']) {
        expect((await Array.fromAsync(rig.admin.verifyAudit(rig.root, name))).at(-1)).toMatchObject({ intact: true });
      }
    });

    test('a kill switch that fails halfway has killed nothing', async () => {
      let seen = 0;
      const failing = rig.store.ledger.commitEach(({ tenant: found, head }) => {
        seen += 1;
        if (found === undefined || seen === 2) throw new Error('halfway');
        return {
          changes: [{ put: 'tenant', row: { ...found, status: 'suspended' } }],
          revocations: [{ scope: 'tenant', ids: [found.id], reason: 'killed' }],
          audit: [],
          result: head,
        };
      });
      await expect(failing).rejects.toThrow('halfway');
      for (const name of ['one', 'two']) expect(await logOf(name)).toEqual([]);
      expect(await Promise.all(everything.map(renew))).toEqual(['ok', 'ok', 'ok', 'ok']);
    });
  });
}

async function lendAll(rig: BrokerRig): Promise<Map<Name, Lent>> {
  const { admin, root, lending } = rig;
  const lent = new Map<Name, Lent>();
  const lend = async (name: Name, within: string, caller: SessionClaims, to: string, what: string) => {
    await admin.putGrant(root, within, grantDraft(to, what));
    const { id: credentialId } = await admin.showCredential(root, within, what);
    const { leaseId } = await lending.issueLease(caller, { credentialId, ttlMs: 0 });
    lent.set(name, { caller, credentialId, leaseId, tenant: within });
  };
  const callers = {
    agent: await rig.session('one', 'agent'),
    other: await rig.session('one', 'other'),
    two: await rig.session('two', 'agent'),
  };
  for (const what of ['api', 'more']) await admin.addCredential(root, 'one', draft(what), bytes('sk-first-000'));
  await admin.addCredential(root, 'two', draft('api'), bytes('sk-first-000'));
  await lend('agent/api', 'one', callers.agent, 'agent', 'api');
  await lend('agent/more', 'one', callers.agent, 'agent', 'more');
  await lend('other/api', 'one', callers.other, 'other', 'api');
  await lend('two/api', 'two', callers.two, 'agent', 'api');
  return lent;
}

function of(lent: ReadonlyMap<Name, Lent>, name: Name): Lent {
  const found = lent.get(name);
  if (found === undefined) throw new Error(`nothing was lent as ${name}`);
  return found;
}

/** `ok`, or the code of the refusal. */
async function outcome(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'ok',
    (thrown: { readonly code?: string }) => String(thrown.code ?? thrown),
  );
}
