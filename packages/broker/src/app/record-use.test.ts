import { beforeEach, describe, expect, test } from 'vitest';
import { type BrokerRig, createRig } from './broker-rig.suite.ts';

let rig: BrokerRig;
beforeEach(() => {
  rig = createRig();
});

const record = {
  credentialId: '',
  leaseId: '',
  method: 'GET',
  authority: 'https://api.example.com',
  path: '/',
  outcome: 'forwarded',
  httpStatus: 200,
  count: 2,
  firstAtMs: 1,
  lastAtMs: 2,
} as const;

describe('INV-13: use reports', () => {
  test('of one agent are not swallowed by another that gives the same instance id, in this tenant or another', async () => {
    const mine = await rig.session('one', 'mine');
    for (const other of [await rig.session('one', 'other'), await rig.session('two', 'other')]) {
      expect(other.instanceId).toBe(mine.instanceId);
      await rig.lending.recordUse(other, { batchSeq: Number.MAX_SAFE_INTEGER, dropped: 0, records: [record] });
    }
    await rig.lending.recordUse(mine, { batchSeq: 1, dropped: 0, records: [record] });
    const rows = await rig.store.audit.newest(mine.tenantId, 10);
    expect(rows.filter(({ event }) => event.action === 'lease.used' && event.agentId === mine.agentId)).toHaveLength(1);
  });

  test('say how many records were lost', async () => {
    const caller = await rig.session();
    await rig.lending.recordUse(caller, { batchSeq: 1, dropped: 7, records: [] });
    const [row] = await rig.store.audit.newest(caller.tenantId, 1);
    expect(row?.event).toMatchObject({ action: 'lease.used', reason: 'records_dropped', agentId: caller.agentId, detail: { count: 7 } });
  });
});

test('THREATS 34: a use report takes as many turns at the database as it has records', async () => {
  const weights: (number | undefined)[] = [];
  const watched = createRig((store) => ({
    ...store,
    ledger: {
      ...store.ledger,
      commit: (selection, decide) => {
        weights.push(selection.turn?.weight);
        return store.ledger.commit(selection, decide);
      },
    },
  }));
  const agent = await watched.session();
  weights.length = 0;
  await watched.lending.recordUse(agent, { batchSeq: 1, dropped: 0, records: Array(30).fill(record) });
  await watched.lending.recordUse(agent, { batchSeq: 2, dropped: 1, records: [] });
  expect(weights).toEqual([30, 1]);
});
