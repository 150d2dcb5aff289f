import { AppError } from '@leasehold/core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ConfirmationProgress } from '../../packages/broker/src/ports/use-cases.ts';
import { type OperatorRig, startOperatorRig } from './operator-rig.ts';

/** The kill switch and `--wait`, typed by an operator. */

let operator: OperatorRig;

beforeAll(async () => {
  operator = await startOperatorRig();
});
afterAll(() => operator.close());
beforeEach(async () => {
  await operator.reset();
  await operator.lent();
});

/** Two sidecars: one confirms, the other is silent until the bound. */
async function* following(): AsyncGenerator<ConfirmationProgress> {
  const step = { total: 2, outstanding: ['pod-1', 'pod-2'], confirmedCount: 0, confirmed: [], elapsedMs: 0, done: false };
  yield step;
  const confirmed = [{ instance: 'pod-1', afterMs: 4 }];
  yield { ...step, outstanding: ['pod-2'], confirmedCount: 1, confirmed, elapsedMs: 4 };
  yield { ...step, outstanding: ['pod-2'], confirmedCount: 1, confirmed, elapsedMs: 3_000, done: true };
}

const page = { limit: 10, after: undefined };
const statusOf = async () => {
  const { admin, root } = operator.broker;
  const [tenant] = (await admin.listTenants(root, page)).items;
  const [agent] = (await admin.listAgents(root, 'one', page)).items;
  return { tenant: tenant?.status, agent: agent?.status };
};

describe('leasehold kill', () => {
  const off = { tenant: 'active', agent: 'active' };
  test.each([
    ['kill agent dev', { ...off, agent: 'suspended' }, 'agent resume dev'],
    ['kill tenant one', { ...off, tenant: 'suspended' }, 'tenant resume one'],
    ['kill all', { ...off, tenant: 'suspended' }, 'tenant resume one'],
  ])('%s cuts it off, says how to give it back, and that gives it back', async (line, killed, back) => {
    const { code, stdout } = await operator.leasehold(`${line} --yes`);
    expect([code, stdout]).toEqual([0, expect.stringContaining(line === 'kill all' ? 'tenant resume NAME' : back)]);
    expect(await statusOf()).toEqual(killed);
    expect((await operator.leasehold(back)).code).toBe(0);
    expect(await statusOf()).toEqual(off);
  });

  test.each(['kill agent dev', 'kill tenant one', 'kill all'])('%s does nothing without --yes where nobody can be asked', async (line) => {
    const { code, stderr } = await operator.leasehold(line);
    expect([code, stderr]).toEqual([2, expect.stringMatching(/until .* resumed\.\n.*--yes/s)]);
    expect(await statusOf()).toEqual({ tenant: 'active', agent: 'active' });
  });

  test('what is not there is exit code 4, and named', async () => {
    for (const line of ['kill agent ghost --yes', 'kill tenant ghost --yes']) {
      const { code, stderr } = await operator.leasehold(line);
      expect([code, stderr]).toEqual([4, expect.stringContaining('"ghost"')]);
    }
  });

  test('everything is one object a tenant for programs, and then the steps of all sidecars together', async () => {
    await operator.broker.admin.addTenant(operator.broker.root, 'two');
    operator.over = { confirmationsOfAll: following };
    const [one, two, ...steps] = await operator.json('kill all --yes --wait');
    expect([one, two]).toMatchObject([
      { name: 'one', status: 'suspended', committed_at: expect.stringMatching(/Z$/) },
      { name: 'two', status: 'suspended', committed_at: one?.committed_at },
    ]);
    expect(steps.map(({ done }) => done)).toEqual([false, false, true]);
  });
});

describe('--wait', () => {
  const revoking = [
    ['credential suspend api', ''],
    ['credential delete api --yes', ''],
    ['credential rotate api', 'sk-second-00'],
    ['grant add --agent dev --credential api --ttl 1s', ''],
    ['grant revoke --agent dev --credential api --yes', ''],
    ['agent suspend dev', ''],
    ['agent delete dev --yes', ''],
    ['agent rotate-token dev', ''],
    ['tenant suspend one', ''],
    ['kill agent dev --yes', ''],
    ['kill tenant one --yes', ''],
    ['kill all --yes', ''],
  ] as const;

  test.each(revoking)('%s: names who confirmed, how fast, and who was closed by the bound', async (line, input) => {
    operator.over = { confirmations: following, confirmationsOfAll: following };
    const { code, stdout } = await operator.leasehold(`${line} --wait`, { input });
    expect([code, stdout.trim().split('\n').slice(-2)]).toEqual([
      0,
      ['1 of 2 sidecars confirmed in 3000 ms', 'closed by the bound (silent, so they hold nothing any more): pod-2'],
    ]);
  });

  test('lease revoke: the same', async () => {
    const { lending, admin, root } = operator.broker;
    const { token } = await admin.rotateAgentToken(root, 'one', 'dev');
    const session = lending.verifySession((await lending.openSession({ agentToken: token }, { id: 'i', name: 'pod' })).token);
    const { id: credentialId } = await admin.showCredential(root, 'one', 'api');
    const { leaseId } = await lending.issueLease(session, { credentialId, ttlMs: 0 });
    operator.over = { confirmations: following };
    expect((await operator.leasehold(`lease revoke ${leaseId} --wait --yes`)).stdout).toContain('1 of 2 sidecars confirmed');
  });

  test('what was revoked before is followed, too: who asks again is told who has confirmed', async () => {
    operator.over = { confirmations: following };
    await operator.leasehold('credential suspend api');
    const { code, stdout } = await operator.leasehold('credential suspend api --wait');
    expect([code, stdout]).toEqual([0, expect.stringContaining('1 of 2 sidecars confirmed')]);
  });

  test('what revokes nothing has nothing to wait for', async () => {
    operator.over = { confirmations: following };
    const { code, stdout } = await operator.leasehold('grant add --agent dev --credential api --ttl 10m --wait');
    expect([code, stdout]).toEqual([0, expect.not.stringContaining('sidecars')]);
  });

  test('who was left is named before anything is waited for, and again as the error at the end', async () => {
    const why = new AppError('store_unavailable', 'The row is damaged.');
    const left = [{ tenant: 'damaged', why }];
    operator.over = {
      killAll: async () => ({ killed: [], left }),
    };
    const text = await operator.leasehold('kill all --yes');
    expect([text.code, text.stdout]).toEqual([1, expect.stringContaining('NOT cut off: damaged')]);
    expect(text.stderr).toContain('NOT cut off: damaged (The row is damaged.)');
    const json = await operator.leasehold('kill all --yes --json');
    expect(JSON.parse(json.stdout)).toEqual({ name: 'damaged', left: 'The row is damaged.' });
  });
});
