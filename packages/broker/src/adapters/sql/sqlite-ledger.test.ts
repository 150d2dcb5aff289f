import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { NewAuditEvent } from '../../domain/audit-event.ts';
import type { Change } from '../../ports/store.ts';
import { row } from '../../ports/store-suite/rows.suite.ts';
import { suiteMac } from '../../ports/store-suite/stage.suite.ts';
import { readFacts } from './facts-query.ts';
import { type Query, statement } from './query.ts';
import type { Row } from './rows.ts';
import { openSqlite, type SqliteDatabase } from './sqlite-database.ts';
import { createSqliteLedger, type SqliteLedger } from './sqlite-ledger.ts';

const root = mkdtempSync(join(tmpdir(), 'leasehold-ledger-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let database: SqliteDatabase;
let ledger: SqliteLedger;
/** Every BEGIN, COMMIT and ROLLBACK, as they reach the database. */
let transactions: string[];
/** How long each job seems to take, ms. */
let jobMs: number;
let hasRoom: boolean;

beforeEach(() => {
  const file = openSqlite(join(mkdtempSync(join(root, 'each-')), 'leasehold.db'));
  transactions = [];
  database = {
    ...file,
    exec: (sql) => {
      if (/^(BEGIN IMMEDIATE|COMMIT|ROLLBACK)$/.test(sql)) transactions.push(sql);
      file.exec(sql);
    },
  };
  // biome-ignore lint/correctness/useYield: a clock that needs no statement.
  const now = function* (): Query<number> {
    return 1_000;
  };
  jobMs = 0;
  hasRoom = true;
  let elapsed = 0;
  ledger = createSqliteLedger({
    database,
    auditMac: suiteMac,
    epoch: 'epoch',
    now,
    maxWaiting: 1_200,
    hasRoom: () => hasRoom,
    elapsedMs: () => {
      elapsed += jobMs;
      return elapsed;
    },
  });
});
afterEach(() => database.close());

const nothing = { changes: [], revocations: [], audit: [] } as const;
const put = (...changes: readonly Change[]) =>
  ledger.commit({ tenant: undefined, lock: 'update' }, () => ({ changes, revocations: [], audit: [], result: undefined }));
const addTenant = (id: string) => put({ put: 'tenant', row: row.tenant(id) });
const tenants = () => database.run(rowsOf('SELECT id FROM tenants ORDER BY id')).map(({ id }) => id);

function* rowsOf(sql: string): Query<readonly Row[]> {
  return yield statement(sql);
}

test('what is asked for in one turn shares one transaction, up to 256 at a time', async () => {
  await Promise.all(Array.from({ length: 257 }, (_, index) => addTenant(`t${index}`)));
  expect(transactions).toEqual(['BEGIN IMMEDIATE', 'COMMIT', 'BEGIN IMMEDIATE', 'COMMIT']);
});

test('nothing is answered before the commit is done', async () => {
  let isAnswered = false;
  const file = database;
  database.exec = ((exec) => (sql: string) => {
    if (sql === 'COMMIT') expect(isAnswered).toBe(false);
    exec(sql);
  })(file.exec);
  await addTenant('t1').then(() => {
    isAnswered = true;
  });
  expect(transactions).toEqual(['BEGIN IMMEDIATE', 'COMMIT']);
});

test('a transaction takes nothing more on once it took its time, whatever its parts are worth', async () => {
  jobMs = 9;
  await Promise.all(Array.from({ length: 7 }, (_, index) => addTenant(`t${index}`)));
  expect(transactions.filter((one) => one === 'COMMIT')).toHaveLength(3);
});

const lend = (of: string, weight = 1, tenant = 'any') =>
  ledger.commit({ tenant: { id: tenant }, lock: 'share', turn: { of, weight } }, () => ({ ...nothing, result: of }));

test('THREATS 34: what one agent has waiting is bounded: more is refused as overloaded, and the others are served', async () => {
  const flood = Array.from({ length: 151 }, () => lend('flood'));
  const others = ['a', 'b', 'c'].map((agent) => lend(agent, 150));
  const refused = (await Promise.allSettled(flood)).filter(({ status }) => status === 'rejected');
  expect(refused).toEqual([{ status: 'rejected', reason: expect.objectContaining({ code: 'overloaded', retryAfterS: 1 }) }]);
  await Promise.all(others);
  await lend('flood');
});

test('the kill switch works when agents have filled the queue, and goes before all that they wait for', async () => {
  const done: string[] = [];
  const agents = ['a', 'b', 'c', 'd', 'uses of a', 'uses of b', 'uses of c', 'uses of d'];
  const flood = agents.flatMap((agent) => Array.from({ length: 150 }, () => lend(agent).then(() => done.push('lent'))));
  await expect(lend('e')).rejects.toMatchObject({ code: 'overloaded' });
  const killed = ledger.commitEach(() => ({ ...nothing, result: undefined })).then(() => done.push('killed'));
  jobMs = 20;
  await killed;
  await addTenant('t1').then(() => done.push('changed'));
  expect(done.slice(0, 2)).toEqual(['killed', 'changed']);
  jobMs = 0;
  await Promise.all(flood);
});

test('THREATS 34: where the disk is nearly full nothing is lent or added, and what is left is for those who take away', async () => {
  await addTenant('t1');
  hasRoom = false;
  await expect(lend('a')).rejects.toMatchObject({ code: 'store_unavailable', retryAfterS: 5 });
  await expect(addTenant('t2')).rejects.toMatchObject({ code: 'store_unavailable', retryAfterS: 5 });
  const suspended = { put: 'agent', row: row.agent('a1', 't1', { status: 'suspended' }) } as const;
  const revocations = [{ scope: 'agent', ids: ['a1'], reason: 'suspended' }] as const;
  await ledger.commit({ tenant: { id: 't1' }, lock: 'update' }, () => ({
    ...nothing,
    changes: [suspended],
    revocations,
    result: undefined,
  }));
  await put({ drop: 'operator', id: 'o1' });
  await ledger.commitEach(() => ({ ...nothing, result: undefined }));
  hasRoom = true;
  expect((await lend('a')).result).toBe('a');
});

test.each(['lease.issued', 'lease.renewed'] as const)(
  'INV-13: %s is not recorded, and so not done, on a trail without a signature of ours; what takes away is',
  async (action) => {
    await addTenant('t1');
    const record = (recorded: NewAuditEvent['action']) =>
      ledger.commit({ tenant: { id: 't1' }, lock: 'update' }, () => ({
        ...nothing,
        audit: [{ ...row.event(), action: recorded }],
        result: undefined,
      }));
    await expect(record(action)).rejects.toMatchObject({ code: 'store_unavailable' });
    await record('tenant.killed');
  },
);

describe('a row of one tenant that somebody else damaged', () => {
  const kill = () =>
    ledger.commitEach(({ tenant = row.tenant('none') }) => ({
      changes: [{ put: 'tenant', row: { ...tenant, status: 'suspended' } }],
      revocations: [{ scope: 'tenant', ids: [tenant.id], reason: 'killed' }],
      audit: [{ ...row.event(), action: 'tenant.killed' }],
      result: tenant.id,
    }));
  const statusOf = (id: string) => database.run(readFacts('epoch', { tenant: { id } })).tenant?.status;
  const record = (action: NewAuditEvent['action'], id: string) => ({
    changes: [{ put: 'tenant', row: row.tenant(id) } as const],
    revocations: [],
    audit: [{ ...row.event(), action }],
    result: undefined,
  });

  beforeEach(async () => {
    for (const id of ['t1', 't2', 't3']) await ledger.commit({ tenant: undefined, lock: 'update' }, () => record('tenant.created', id));
  });

  test.each([
    [
      'a row far behind the end of its trail',
      `INSERT INTO audit SELECT tenant_id, 9007199254740992, at, event, hash FROM audit WHERE tenant_id = 't2'`,
    ],
    [
      'a row at the last number there is',
      `INSERT INTO audit SELECT tenant_id, 9007199254740991, at, event, hash FROM audit WHERE tenant_id = 't2'`,
    ],
    [
      'a row in the place of the next of its trail',
      `INSERT INTO audit SELECT tenant_id, seq + 1, at, event, hash FROM audit WHERE tenant_id = 't2'`,
    ],
    [
      'a row in the place of the next revocation',
      "INSERT INTO revocations VALUES ('t2', 1, 'grant', '[]', 'revoked', 0), ('t2', 2, 'x', 'x', 'x', 0)",
    ],
    ['a revocation at the last number there is', "INSERT INTO revocations VALUES ('t2', 9007199254740992, 'grant', '[]', 'revoked', 0)"],
    ['a row between two numbers', `INSERT INTO audit SELECT tenant_id, seq + 0.5, at, event, hash FROM audit WHERE tenant_id = 't2'`],
    ['a revocation between two numbers', "INSERT INTO revocations VALUES ('t2', 0.5, 'grant', '[]', 'revoked', 0)"],
    ['a signature that is none', "UPDATE tenants SET audit_mac = 'x' WHERE id = 't2'"],
    ['a hash that is none', "UPDATE tenants SET audit_hash = 'x' WHERE id = 't2'"],
  ])('%s: all are killed, this one too', async (_, sql) => {
    database.run(rowsOf(sql));
    const { committed, left } = await kill();
    expect([committed.map(({ result }) => result), left]).toEqual([['t1', 't2', 't3'], []]);
    expect(['t1', 't2', 't3'].map(statusOf)).toEqual(['suspended', 'suspended', 'suspended']);
  });

  test('rows behind the end of its trail, with gaps between them: whatever is recorded in one transaction goes behind them', async () => {
    database.run(
      rowsOf(
        "INSERT INTO audit SELECT tenant_id, seq + gap, at, event, hash FROM audit, (SELECT 2 AS gap UNION SELECT 4) WHERE tenant_id = 't2'",
      ),
    );
    const audit = Array.from({ length: 3 }, () => ({ ...row.event(), action: 'agent.suspended' as const }));
    await ledger.commit({ tenant: { id: 't2' }, lock: 'update' }, () => ({ ...nothing, audit, result: undefined }));
    const [, { left }] = await Promise.all([
      ledger.commit({ tenant: { id: 't2' }, lock: 'update' }, () => ({ ...nothing, audit, result: undefined })),
      kill(),
    ]);
    expect([left, statusOf('t2')]).toEqual([[], 'suspended']);
    expect(database.run(rowsOf("SELECT count(*) AS n, max(seq) AS last FROM audit WHERE tenant_id = 't2'"))).toEqual([{ n: 10, last: 12 }]);
  });

  test.each([
    ['a status that is none', "UPDATE tenants SET status = 'x' WHERE id = 't2'"],
    ['a head of its log that no number holds', "UPDATE tenants SET log_seq = 9007199254740992 WHERE id = 't2'"],
    ['an end of its trail that no number holds', "UPDATE tenants SET audit_seq = 9007199254740992 WHERE id = 't2'"],
    ['an end of its log behind which there is no number', "UPDATE tenants SET log_seq = 9007199254740991 WHERE id = 't2'"],
  ])('%s: it is left, whole and named, and all others are killed', async (_, sql) => {
    database.run(rowsOf(sql));
    const [before] = database.run(rowsOf("SELECT status FROM tenants WHERE id = 't2'"));
    const { committed, left } = await kill();
    expect(committed.map(({ result }) => result)).toEqual(['t1', 't3']);
    expect(left).toEqual([{ tenant: 't2', why: expect.objectContaining({ name: 'AppError' }) }]);
    expect(['t1', 't3'].map(statusOf)).toEqual(['suspended', 'suspended']);
    expect(database.run(rowsOf("SELECT status FROM tenants WHERE id = 't2'"))).toEqual([before]);
    expect(database.run(rowsOf('SELECT tenant_id FROM revocations ORDER BY tenant_id'))).toEqual([
      { tenant_id: 't1' },
      { tenant_id: 't3' },
    ]);
  });
});

test('agents take turns, so that the one that asks for little waits behind no other’s row', async () => {
  jobMs = 20;
  const done: string[] = [];
  const flood = Array.from({ length: 100 }, () => lend('flood').then(() => done.push('flood')));
  await lend('modest').then(() => done.push('modest'));
  expect(done).toEqual(['flood', 'modest']);
  jobMs = 0;
  await Promise.all(flood);
});

test('THREATS 34: the agents of one tenant can fill the queue, and still there is room for another tenant’s, and a turn each round', async () => {
  const done: string[] = [];
  const flood = Array.from({ length: 8 }, (_, agent) => lend(`uses of ${agent}`, 150).then(() => done.push('flood')));
  await expect(lend('one more', 1)).rejects.toMatchObject({ code: 'overloaded' });
  const others = Array.from({ length: 40 }, () => lend('modest', 1, 'other').then(() => done.push('modest')));
  await Promise.all([...flood, ...others]);
  // While one of the flood saves up for its 150 rows, the other has its leases.
  expect(done.indexOf('flood')).toBeGreaterThanOrEqual(8);
});

test('THREATS 34: an agent’s heavy report holds up no lease of its tenant while others are busy', async () => {
  const done: string[] = [];
  let isOver = false;
  const busy = async (tenant: string) => {
    while (!isOver) await lend('a', 1, tenant).then(() => done.push('other'));
  };
  const others = Array.from({ length: 5 }, (_, tenant) => busy(`other ${tenant}`));
  const heavy = lend('uses of a', 150, 'mine').then(() => done.push('heavy'));
  await lend('b', 1, 'mine').then(() => done.push('mine'));
  await heavy;
  isOver = true;
  await Promise.all(others);
  expect(done.indexOf('mine')).toBeLessThan(12);
  expect(done.indexOf('heavy')).toBeGreaterThan(done.indexOf('mine'));
});

test('a heavy job comes to its turn, however many light ones are asked for meanwhile', async () => {
  const done: string[] = [];
  let isOver = false;
  const heavy = lend('uses of a', 150).then(() => {
    done.push('heavy');
    isOver = true;
  });
  const busy = async () => {
    while (!isOver) await lend('b').then(() => done.push('light'));
  };
  await Promise.all([heavy, busy(), busy()]);
  expect(done.indexOf('heavy')).toBeLessThan(150);
});

test('a COMMIT that fails answers nobody, keeps nothing, and does not stop the next', async () => {
  const file = database;
  let isBroken = true;
  database.exec = ((exec) => (sql: string) => {
    if (sql === 'COMMIT' && isBroken) throw new Error('no disk');
    exec(sql);
  })(file.exec);
  const mine = new Error('mine');
  const refusing = ledger.commit({ tenant: undefined, lock: 'update' }, () => {
    throw mine;
  });
  const outcomes = await Promise.allSettled([addTenant('t1'), refusing, addTenant('t2')]);
  const unavailable = { status: 'rejected', reason: expect.objectContaining({ code: 'store_unavailable' }) };
  expect(outcomes).toEqual([unavailable, { status: 'rejected', reason: mine }, unavailable]);
  isBroken = false;
  await addTenant('t3');
  expect(tenants()).toEqual(['t3']);
});

test('a full disk refuses the whole batch with nothing kept, and room makes it work again', async () => {
  await addTenant('t1');
  const [{ page_count: pages } = {}] = database.run(rowsOf('PRAGMA page_count'));
  database.run(rowsOf(`PRAGMA max_page_count = ${pages}`));
  const huge = row.credential('c1', 't1', { placeholder: 'x'.repeat(100_000) });
  const outcomes = await Promise.allSettled([addTenant('t2'), put({ put: 'credential', row: huge })]);
  expect(outcomes.at(-1)).toMatchObject({ status: 'rejected', reason: { code: 'store_unavailable' } });
  const kept = tenants();
  expect(kept).toEqual(outcomes[0].status === 'fulfilled' ? ['t1', 't2'] : ['t1']);
  expect(database.run(readFacts('epoch', { tenant: { id: 't1' }, credential: { id: 'c1' } })).credential).toBeUndefined();
  database.run(rowsOf('PRAGMA max_page_count = 1000000'));
  await put({ put: 'credential', row: huge });
});
