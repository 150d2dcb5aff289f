import { beforeEach, describe, expect, test } from 'vitest';
import { type BrokerRig, bytes, createRig, draft, grantDraft } from './broker-rig.suite.ts';

let rig: BrokerRig;
beforeEach(() => {
  rig = createRig();
});

describe('what was revoked before can be followed again by whoever asks again (the first answer was lost)', () => {
  test('an agent that is suspended already', async () => {
    await rig.session();
    const first = await rig.admin.setAgentStatus(rig.root, 'one', 'agent', 'suspended');
    const again = await rig.admin.setAgentStatus(rig.root, 'one', 'agent', 'suspended');
    expect(first.revocation).toBeDefined();
    expect(again.revocation).toMatchObject({ head: first.revocation?.head });
  });

  test('a tenant that is suspended already', async () => {
    await rig.session();
    const first = await rig.admin.setTenantStatus(rig.root, 'one', 'suspended');
    const again = await rig.admin.setTenantStatus(rig.root, 'one', 'suspended');
    expect(first.revocation).toBeDefined();
    expect(again.revocation).toMatchObject({ head: first.revocation?.head });
  });

  test('a lease that is revoked already', async () => {
    const session = await rig.session();
    const { id } = await rig.admin.addCredential(rig.root, 'one', draft('api'), bytes('sk-first-0000'));
    await rig.admin.putGrant(rig.root, 'one', grantDraft('agent', 'api'));
    const { leaseId } = await rig.lending.issueLease(session, { credentialId: id, ttlMs: 0 });
    const first = await rig.admin.revokeLease(rig.root, 'one', leaseId);
    const again = await rig.admin.revokeLease(rig.root, 'one', leaseId);
    expect(first.revocation).toBeDefined();
    expect(again.revocation).toMatchObject({ head: first.revocation?.head });
  });
});

test('what a revocation killed is on no list of live leases, though no row of it is marked', async () => {
  const session = await rig.session();
  const { id } = await rig.admin.addCredential(rig.root, 'one', draft('api'), bytes('sk-first-0000'));
  await rig.admin.putGrant(rig.root, 'one', grantDraft('agent', 'api'));
  await rig.lending.issueLease(session, { credentialId: id, ttlMs: 0 });
  const live = async () =>
    (await rig.admin.listLeases(rig.root, 'one', { limit: 10, after: undefined }, true)).items.map(({ status }) => status);
  expect(await live()).toEqual(['active']);
  await rig.admin.setCredentialStatus(rig.root, 'one', 'api', 'suspended');
  expect(await live()).toEqual([]);
});

test('a deleted credential leaves no value behind, not even sealed', async () => {
  await rig.session();
  const { id } = await rig.admin.addCredential(rig.root, 'one', draft('api'), bytes('sk-first-0000'));
  expect(await rig.store.directory.sealedValue(id, 1)).toBeDefined();
  await rig.admin.setCredentialStatus(rig.root, 'one', 'api', 'deleted');
  expect(await rig.store.directory.sealedValue(id, 1)).toBeUndefined();
});

describe('what was deleted is not brought back by its id', () => {
  test.each([
    ['kill agent', (id: string) => rig.admin.killAgent(rig.root, 'one', id)],
    ['agent suspend', (id: string) => rig.admin.setAgentStatus(rig.root, 'one', id, 'suspended')],
    ['agent resume', (id: string) => rig.admin.setAgentStatus(rig.root, 'one', id, 'active')],
    ['agent rotate-token', (id: string) => rig.admin.rotateAgentToken(rig.root, 'one', id)],
  ])('%s', async (_, act) => {
    const { agentId, tenantId } = await rig.session();
    await rig.admin.setAgentStatus(rig.root, 'one', 'agent', 'deleted');
    await expect(act(agentId)).rejects.toMatchObject({ code: 'not_found' });
    const { agent } = await rig.store.directory.find({ tenant: { id: tenantId }, agent: { id: agentId } });
    expect(agent?.status).toBe('deleted');
  });

  test.each([
    ['credential resume', (id: string) => rig.admin.setCredentialStatus(rig.root, 'one', id, 'active')],
    ['credential suspend', (id: string) => rig.admin.setCredentialStatus(rig.root, 'one', id, 'suspended')],
    ['credential rotate', (id: string) => rig.admin.rotateCredential(rig.root, 'one', id, bytes('sk-second-000'))],
    ['credential show', (id: string) => rig.admin.showCredential(rig.root, 'one', id)],
    ['grant add', (id: string) => rig.admin.putGrant(rig.root, 'one', grantDraft('agent', id))],
  ])('%s', async (_, act) => {
    const { tenantId } = await rig.session();
    const { id } = await rig.admin.addCredential(rig.root, 'one', draft('api'), bytes('sk-first-0000'));
    await rig.admin.setCredentialStatus(rig.root, 'one', 'api', 'deleted');
    await expect(act(id)).rejects.toMatchObject({ code: 'not_found' });
    const { credential } = await rig.store.directory.find({ tenant: { id: tenantId }, credential: { id } });
    expect(credential?.status).toBe('deleted');
  });
});
