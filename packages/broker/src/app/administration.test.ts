import { beforeEach, describe, expect, test } from 'vitest';
import type { Operator } from '../domain/operator.ts';
import type { AdminUseCases, SessionClaims } from '../ports/use-cases.ts';
import { type BrokerRig, bytes, createRig, draft, grantDraft } from './broker-rig.suite.ts';
import { ensureRootOperator } from './ensure-root-operator.ts';

let rig: BrokerRig;
const page = { limit: 100, after: undefined };

beforeEach(async () => {
  rig = createRig();
  await rig.admin.addTenant(rig.root, 'one');
  await rig.admin.addTenant(rig.root, 'two');
  await rig.admin.addAgent(rig.root, 'one', 'agent');
  await rig.admin.addCredential(rig.root, 'one', draft('api'), bytes('sk-first-000'));
  await rig.admin.putGrant(rig.root, 'one', grantDraft('agent', 'api'));
});

const trailOf = async (tenant: string) => (await rig.admin.auditRows(rig.root, tenant, { newest: 100 })).map(({ event }) => event);

describe('INV-14, THREATS 21: an operator of another tenant', () => {
  let stranger: Operator;
  let leaseId: string;

  beforeEach(async () => {
    ({ operator: stranger } = await rig.admin.addOperator(rig.root, 'two', 'stranger'));
    const caller = await rig.session('one', 'borrower');
    const { id } = await rig.admin.showCredential(rig.root, 'one', 'api');
    await rig.admin.putGrant(rig.root, 'one', grantDraft('borrower', 'api'));
    ({ leaseId } = await rig.lending.issueLease(caller, { credentialId: id, ttlMs: 0 }));
  });

  const calls: Record<string, (admin: AdminUseCases, by: Operator, tenant: string) => Promise<unknown>> = {
    setTenant: (admin, by, tenant) => admin.setTenant(by, tenant, { agentsDiscoverNames: true }),
    listOperators: (admin, by, tenant) => admin.listOperators(by, tenant, page),
    addAgent: (admin, by, tenant) => admin.addAgent(by, tenant, 'new'),
    listAgents: (admin, by, tenant) => admin.listAgents(by, tenant, page),
    agentRoutes: (admin, by, tenant) => admin.agentRoutes(by, tenant, 'agent'),
    rotateAgentToken: (admin, by, tenant) => admin.rotateAgentToken(by, tenant, 'agent'),
    setAgentStatus: (admin, by, tenant) => admin.setAgentStatus(by, tenant, 'agent', 'deleted'),
    addCredential: (admin, by, tenant) => admin.addCredential(by, tenant, draft('new'), bytes('sk-first-000')),
    listCredentials: (admin, by, tenant) => admin.listCredentials(by, tenant, page),
    showCredential: (admin, by, tenant) => admin.showCredential(by, tenant, 'api'),
    rotateCredential: (admin, by, tenant) => admin.rotateCredential(by, tenant, 'api', bytes('sk-second-00')),
    setCredentialStatus: (admin, by, tenant) => admin.setCredentialStatus(by, tenant, 'api', 'suspended'),
    putGrant: (admin, by, tenant) => admin.putGrant(by, tenant, grantDraft('agent', 'api')),
    listGrants: (admin, by, tenant) => admin.listGrants(by, tenant, page),
    findGrant: (admin, by, tenant) => admin.findGrant(by, tenant, { agent: 'agent', credential: 'api' }),
    revokeGrant: (admin, by, tenant) => admin.revokeGrant(by, tenant, { agent: 'agent', credential: 'api' }),
    listLeases: (admin, by, tenant) => admin.listLeases(by, tenant, page, true),
    revokeLease: (admin, by, tenant) => admin.revokeLease(by, tenant, leaseId),
    killTenant: (admin, by, tenant) => admin.killTenant(by, tenant),
    killAgent: (admin, by, tenant) => admin.killAgent(by, tenant, 'agent'),
    auditRows: (admin, by, tenant) => admin.auditRows(by, tenant, { newest: 1 }),
    verifyAudit: (admin, by, tenant) => Array.fromAsync(admin.verifyAudit(by, tenant)),
    confirmations: async (admin, by, tenant) => {
      for await (const _ of admin.confirmations(
        by,
        tenant,
        { head: { epoch: 'e', seq: 1 }, committedAt: 0 },
        new AbortController().signal,
      ));
    },
  };

  test.each(Object.keys(calls))('%s: a foreign tenant and a missing one get the same answer, and nothing changes', async (name) => {
    const before = await trailOf('one');
    const foreign = await calls[name]?.(rig.admin, stranger, 'one').catch((error: Error) => error);
    const missing = await calls[name]?.(rig.admin, stranger, 'ghost').catch((error: Error) => error);
    expect(foreign).toMatchObject({ code: 'not_found' });
    expect(missing).toMatchObject({ code: 'not_found' });
    expect(String(foreign).replace('one', 'X')).toBe(String(missing).replace('ghost', 'X'));
    expect(await trailOf('one')).toEqual(before);
  });

  test.each(Object.keys(calls))('%s: its own tenant it may touch, and there the things of others are missing', async (name) => {
    const outcome = await calls[name]?.(rig.admin, stranger, 'two').catch((error: { code?: string }) => error.code);
    expect(['forbidden', 'identity_invalid']).not.toContain(outcome);
  });

  const reading = [
    'listOperators',
    'listAgents',
    'agentRoutes',
    'listCredentials',
    'showCredential',
    'listGrants',
    'findGrant',
    'listLeases',
    'auditRows',
  ];
  const walking = ['verifyAudit', 'confirmations'];

  test.each(Object.keys(calls).filter((name) => ![...reading, ...walking].includes(name)))(
    '%s: deleted while its request was under way, it changes nothing, in its own tenant either',
    async (name) => {
      await rig.admin.addCredential(rig.root, 'two', draft('api'), bytes('sk-first-000'));
      await rig.admin.deleteOperators(rig.root, 'two', 'stranger');
      const before = await trailOf('two');
      await expect(calls[name]?.(rig.admin, stranger, 'two')).rejects.toMatchObject({ code: 'identity_invalid' });
      expect(await trailOf('two')).toEqual(before);
    },
  );

  test('what stands above tenants is not for it', async () => {
    await expect(rig.admin.addTenant(stranger, 'three')).rejects.toMatchObject({ code: 'forbidden' });
    await expect(rig.admin.setTenantStatus(stranger, 'two', 'suspended')).rejects.toMatchObject({ code: 'forbidden' });
    await expect(rig.admin.addOperator(stranger, 'two', 'more')).rejects.toMatchObject({ code: 'forbidden' });
    await expect(rig.admin.status(stranger)).rejects.toMatchObject({ code: 'forbidden' });
    await expect(rig.admin.killAll(stranger)).rejects.toMatchObject({ code: 'forbidden' });
    await expect(
      rig.admin.confirmationsOfAll(stranger, 0, new AbortController().signal)[Symbol.asyncIterator]().next(),
    ).rejects.toMatchObject({ code: 'forbidden' });
    expect((await rig.admin.listTenants(stranger, page)).items.map(({ name }) => name)).toEqual(['two']);
  });
});

describe('changes that take something away', () => {
  test.each([
    ['suspending a credential', () => rig.admin.setCredentialStatus(rig.root, 'one', 'api', 'suspended'), 'credential', 'suspended'],
    ['deleting a credential', () => rig.admin.setCredentialStatus(rig.root, 'one', 'api', 'deleted'), 'credential', 'deleted'],
    ['rotating a credential', () => rig.admin.rotateCredential(rig.root, 'one', 'api', bytes('sk-second-00')), 'credential', 'rotated'],
    ['revoking a grant', () => rig.admin.revokeGrant(rig.root, 'one', { agent: 'agent', credential: 'api' }), 'grant', 'revoked'],
    ['narrowing a grant', () => rig.admin.putGrant(rig.root, 'one', grantDraft('agent', 'api', { ttlMs: 1_000 })), 'grant', 'narrowed'],
    ['suspending an agent', () => rig.admin.setAgentStatus(rig.root, 'one', 'agent', 'suspended'), 'agent', 'suspended'],
    ['deleting an agent', () => rig.admin.setAgentStatus(rig.root, 'one', 'agent', 'deleted'), 'agent', 'deleted'],
    ['rotating an agent token', () => rig.admin.rotateAgentToken(rig.root, 'one', 'agent'), 'agent', 'token_rotated'],
    ['killing an agent', () => rig.admin.killAgent(rig.root, 'one', 'agent'), 'agent', 'killed'],
    ['killing a tenant', () => rig.admin.killTenant(rig.root, 'one'), 'tenant', 'killed'],
    ['suspending a tenant', () => rig.admin.setTenantStatus(rig.root, 'one', 'suspended'), 'tenant', 'suspended'],
  ] as const)('INV-3, INV-13: %s is one row of the log, one of the trail, and wakes the watchers', async (_, act, scope, reason) => {
    const trailBefore = (await trailOf('one')).length;
    const wakeUps = rig.wakeUps();
    const { revocation } = await act();
    expect(revocation?.head.seq).toBe(1);
    const tenantId = (await rig.store.directory.find({ tenant: { name: 'one' } })).tenant?.id ?? '';
    expect(await rig.store.log.after(tenantId, { epoch: revocation?.head.epoch ?? '', seq: 0 }, 10)).toMatchObject([
      { seq: 1, scope, reason },
    ]);
    expect(await trailOf('one')).toHaveLength(trailBefore + 1);
    expect(rig.wakeUps()).toBe(wakeUps + 1);
  });

  test('done twice, it is a revocation once, and is followed twice', async () => {
    const { revocation } = await rig.admin.setCredentialStatus(rig.root, 'one', 'api', 'suspended');
    const again = await rig.admin.setCredentialStatus(rig.root, 'one', 'api', 'suspended');
    expect(again.revocation).toMatchObject({ head: revocation?.head });
  });

  test('resuming and widening revoke nothing', async () => {
    await rig.admin.setCredentialStatus(rig.root, 'one', 'api', 'suspended');
    expect((await rig.admin.setCredentialStatus(rig.root, 'one', 'api', 'active')).revocation).toBeUndefined();
    expect((await rig.admin.putGrant(rig.root, 'one', grantDraft('agent', 'api', { ttlMs: 600_000 }))).revocation).toBeUndefined();
  });

  test('what is deleted is gone for good, and leaves its name to another', async () => {
    await rig.admin.setCredentialStatus(rig.root, 'one', 'api', 'deleted');
    await expect(rig.admin.setCredentialStatus(rig.root, 'one', 'api', 'active')).rejects.toMatchObject({ code: 'not_found' });
    await expect(rig.admin.rotateCredential(rig.root, 'one', 'api', bytes('sk-second-00'))).rejects.toMatchObject({ code: 'not_found' });
    expect((await rig.admin.addCredential(rig.root, 'one', draft('api'), bytes('sk-third-000'))).version).toBe(1);
  });

  test('two rotations at once both succeed, one after the other', async () => {
    const both = await Promise.all(
      ['sk-second-00', 'sk-third-000'].map((value) => rig.admin.rotateCredential(rig.root, 'one', 'api', bytes(value))),
    );
    expect(both.map(({ row }) => row.version).toSorted()).toEqual([2, 3]);
  });
});

test('a value is not rotated to what agents are given in its place', async () => {
  await rig.admin.addCredential(rig.root, 'one', draft('shown', { placeholder: 'sk-shown-to-all' }), bytes('sk-first-000'));
  const rotated = rig.admin.rotateCredential(rig.root, 'one', 'shown', bytes('sk-shown-to-all'));
  await expect(rotated).rejects.toMatchObject({ code: 'invalid_argument' });
});

describe('bad input', () => {
  test.each([
    ['a name with capitals', () => rig.admin.addAgent(rig.root, 'one', 'Agent')],
    ['a value with a line break', () => rig.admin.addCredential(rig.root, 'one', draft('new'), bytes('sk-first\r\n000'))],
    ['a value that is too short', () => rig.admin.addCredential(rig.root, 'one', draft('new'), bytes('short'))],
    [
      'a value that stands in a variable',
      () =>
        rig.admin.addCredential(
          rig.root,
          'one',
          draft('new', { environment: [{ name: 'KEY', value: 'is sk-first-000' }] }),
          bytes('sk-first-000'),
        ),
    ],
    [
      'a value as its own placeholder',
      () => rig.admin.addCredential(rig.root, 'one', draft('new', { placeholder: 'sk-first-000' }), bytes('sk-first-000')),
    ],
    [
      'a service that is no name',
      () => rig.admin.addCredential(rig.root, 'one', draft('new', { service: 'Open AI' }), bytes('sk-first-000')),
    ],
    [
      'a placeholder that can be guessed',
      () =>
        rig.admin.addCredential(
          rig.root,
          'one',
          draft('new', { injection: { kind: 'placeholder', in: ['header'] }, placeholder: 'sk-guess' }),
          bytes('sk-first-000'),
        ),
    ],
    ['no destination', () => rig.admin.addCredential(rig.root, 'one', draft('new', { destinations: [] }), bytes('sk-first-000'))],
    ['a TTL of half a millisecond more', () => rig.admin.putGrant(rig.root, 'one', grantDraft('agent', 'api', { ttlMs: 400_000.5 }))],
    ['a longest TTL like that', () => rig.admin.addCredential(rig.root, 'one', draft('new', { maxTtlMs: 1_500.5 }), bytes('sk-first-000'))],
    ['an end that is no time', () => rig.admin.putGrant(rig.root, 'one', grantDraft('agent', 'api', { notAfter: Number.NaN }))],
    [
      'a rate that the wire does not hold',
      () =>
        rig.admin.putGrant(rig.root, 'one', grantDraft('agent', 'api', { limits: { methods: [], pathPrefixes: [], ratePerMinute: 5e9 } })),
    ],
    ['a TTL over an hour', () => rig.admin.putGrant(rig.root, 'one', grantDraft('agent', 'api', { ttlMs: 3_600_001 }))],
    ['a grant that would have run out', () => rig.admin.putGrant(rig.root, 'one', grantDraft('agent', 'api', { notAfter: 1 }))],
    [
      'a rate of nothing',
      () =>
        rig.admin.putGrant(rig.root, 'one', grantDraft('agent', 'api', { limits: { methods: [], pathPrefixes: [], ratePerMinute: 0 } })),
    ],
  ])('%s is refused with invalid_argument, and nothing is kept', async (_, act) => {
    const before = await trailOf('one');
    await expect(act()).rejects.toMatchObject({ code: 'invalid_argument' });
    expect(await trailOf('one')).toEqual(before);
  });

  test('a name that is taken is already_exists', async () => {
    await expect(rig.admin.addAgent(rig.root, 'one', 'agent')).rejects.toMatchObject({ code: 'already_exists' });
    await expect(rig.admin.addTenant(rig.root, 'one')).rejects.toMatchObject({ code: 'already_exists' });
  });
});

describe('operators of a tenant', () => {
  test('are listed with their names; one that is deleted is refused from then on, and the trail says who did it', async () => {
    const { operator: first, token } = await rig.admin.addOperator(rig.root, 'one', 'first');
    const { operator: second } = await rig.admin.addOperator(rig.root, 'one', 'second');
    await rig.admin.addOperator(rig.root, 'two', 'first');
    await expect(rig.admin.addOperator(rig.root, 'one', 'first')).rejects.toMatchObject({ code: 'already_exists' });
    expect((await rig.admin.listOperators(first, 'one', page)).items).toEqual([first, second]);
    expect(await rig.admin.authenticateOperator(token)).toEqual(first);
    expect(await rig.admin.deleteOperators(rig.root, 'one', 'first')).toEqual([first]);
    await expect(rig.admin.authenticateOperator(token)).rejects.toMatchObject({ code: 'identity_invalid' });
    expect((await trailOf('one')).at(-1)).toMatchObject({ action: 'operator.deleted', detail: { name: 'first', operator: first.id } });
    await expect(rig.admin.deleteOperators(rig.root, 'one', 'first')).rejects.toMatchObject({ code: 'not_found' });
    expect((await rig.admin.listOperators(rig.root, 'two', page)).items).toHaveLength(1);
  });

  test('do not make and delete each other', async () => {
    const { operator } = await rig.admin.addOperator(rig.root, 'one', 'first');
    await expect(rig.admin.addOperator(operator, 'one', 'second')).rejects.toMatchObject({ code: 'forbidden' });
    await expect(rig.admin.deleteOperators(operator, 'one', 'first')).rejects.toMatchObject({ code: 'forbidden' });
  });
});

describe('the operator of all tenants', () => {
  test('is one: with a new token in the file the one before is good for nothing', async () => {
    let kept: string | undefined = 'lho_first';
    const start = () =>
      ensureRootOperator({
        store: rig.store,
        file: {
          path: 'operator.token',
          read: async () => kept,
          create: async (token) => {
            kept = token;
          },
        },
        mintToken: () => ({ token: 'lho_second' }),
        hashToken: bytes,
        randomBytes: (count) => new Uint8Array(count).fill(kept === 'lho_first' ? 1 : 2),
      });
    const isKnown = async (token: string) => (await rig.store.directory.operatorByTokenHash(bytes(token))) !== undefined;
    await start();
    await start();
    expect(await isKnown('lho_first')).toBe(true);
    kept = undefined;
    await start();
    expect([await isKnown('lho_first'), await isKnown('lho_second')]).toEqual([false, true]);
  });
});

describe('the names of credentials', () => {
  const namesToldTo = async (caller: SessionClaims) => (await rig.lending.routesOf(caller)).map(({ credentialName }) => credentialName);

  test('are told to agents without a grant only where the tenant says so; the trail shows who said it', async () => {
    const caller = await rig.session('one', 'curious');
    expect(await namesToldTo(caller)).toEqual([]);
    expect(await rig.admin.setTenant(rig.root, 'one', { agentsDiscoverNames: true })).toMatchObject({ agentsDiscoverNames: true });
    expect(await namesToldTo(caller)).toEqual(['api']);
    expect((await trailOf('one')).at(-1)).toMatchObject({ action: 'tenant.updated', detail: { agents_discover_names: 'on' } });
    await rig.admin.setTenant(rig.root, 'one', { agentsDiscoverNames: false });
    expect(await namesToldTo(caller)).toEqual([]);
  });

  test('are told of the own tenant alone', async () => {
    await rig.admin.setTenant(rig.root, 'two', { agentsDiscoverNames: true });
    expect(await namesToldTo(await rig.session('two', 'curious'))).toEqual([]);
  });
});

test('a placeholder is filled with chance of its own when the credential is stored', async () => {
  const replaced = { injection: { kind: 'placeholder', in: ['header'] }, placeholder: 'sk-{random}' } as const;
  const [one, other] = await Promise.all(
    ['x', 'y'].map((name) => rig.admin.addCredential(rig.root, 'one', draft(name, replaced), bytes('sk-first-000'))),
  );
  expect(one?.placeholder).toMatch(/^sk-[0-9A-Za-z]{22}$/);
  expect(one?.placeholder).not.toBe(other?.placeholder);
});

test('the status counts every tenant, however many there are', async () => {
  const { status } = rig.admin;
  expect((await status(rig.root)).tenants).toBe(2);
  for (let count = 0; count < 1_000; count += 1) await rig.admin.addTenant(rig.root, `more-${count}`);
  expect((await status(rig.root)).tenants).toBe(1_002);
});

describe('INV-13: the trail verifies, and names what was done to it', () => {
  test('untouched it is intact', async () => {
    expect((await Array.fromAsync(rig.admin.verifyAudit(rig.root, 'one'))).at(-1)).toEqual({ done: true, intact: true, rows: 4 });
  });

  test('what is committed while it is walked is no row of somebody else', async () => {
    const walk = rig.admin.verifyAudit(rig.root, 'one')[Symbol.asyncIterator]();
    expect(await walk.next()).toEqual({ done: false, value: { done: false, rows: 4, of: 4 } });
    await rig.admin.addAgent(rig.root, 'one', 'meanwhile');
    expect((await walk.next()).value).toEqual({ done: true, intact: true, rows: 4 });
  });

  test('THREATS 34: one walk a tenant at a time, and the next once it is over, or was left', async () => {
    const walk = rig.admin.verifyAudit(rig.root, 'one')[Symbol.asyncIterator]();
    await walk.next();
    const again = () => Array.fromAsync(rig.admin.verifyAudit(rig.root, 'one'));
    await expect(again()).rejects.toMatchObject({ code: 'overloaded' });
    expect((await Array.fromAsync(rig.admin.verifyAudit(rig.root, 'two'))).at(-1)).toMatchObject({ intact: true });
    await walk.return?.();
    expect((await again()).at(-1)).toMatchObject({ intact: true });
  });

  test('THREATS 34: a long trail does not keep others waiting while it is walked', async () => {
    for (let count = 0; count < 450; count += 1) await rig.admin.addAgent(rig.root, 'one', `agent-${count}`);
    let turns = 0;
    const turning = setInterval(() => {
      turns += 1;
    }, 0);
    const steps = await Array.fromAsync(rig.admin.verifyAudit(rig.root, 'one'));
    clearInterval(turning);
    expect(steps).toEqual([
      { done: false, rows: 200, of: 454 },
      { done: false, rows: 400, of: 454 },
      { done: false, rows: 454, of: 454 },
      { done: true, intact: true, rows: 454 },
    ]);
    expect(turns).toBeGreaterThan(0);
  });
});
