import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { AdminUseCases } from '../../packages/broker/src/ports/use-cases.ts';
import { runCli } from '../harness/dev-stack.ts';
import { addApi, type OperatorRig, startOperatorRig } from './operator-rig.ts';

let operator: OperatorRig;

beforeAll(async () => {
  operator = await startOperatorRig();
});
afterAll(() => operator.close());
beforeEach(() => operator.reset());

const { leasehold, json, lent } = {
  leasehold: (...args: Parameters<OperatorRig['leasehold']>) => operator.leasehold(...args),
  json: (...args: Parameters<OperatorRig['json']>) => operator.json(...args),
  lent: () => operator.lent(),
};

describe('the way of an operator', () => {
  test('from a credential to a grant to a lease that is revoked: each step shows the documented fields', async () => {
    const [agent] = await json('agent add dev');
    expect(Object.keys(agent ?? {})).toEqual(['id', 'name', 'status', 'token_version', 'created_at', 'token']);
    const [credential] = await json(`${addApi} --max-ttl 10m --path /v1 --method get`, 'sk-first-000\n');
    expect(credential).toMatchObject({ name: 'api', version: 1, max_ttl_ms: 600_000, injection: { kind: 'query', name: 'key' } });
    expect(credential?.destinations).toMatchObject([{ host: 'api.example.com', port: 443, methods: ['GET'], path_prefixes: ['/v1'] }]);
    const [grant] = await json('grant add --agent dev --credential api --rate 60');
    expect(grant).toMatchObject({ agent: 'dev', credential: 'api', ttl_ms: 300_000, rate_per_minute: 60, committed_at: null });
    expect(await json('grant list')).toHaveLength(1);
    const limits = { methods: ['GET'], path_prefixes: ['/v1'], rate_per_minute: 60, not_after: '2090-01-01T00:00:00.000Z', ttl_ms: 60_000 };
    await json('grant add --agent dev --credential api --method get --path /v1 --not-after 2090-01-01T00:00:00Z --ttl 1m');
    expect(await json('grant list')).toMatchObject([limits]);
    // As the hint of a refused path says: nothing else is dropped.
    await json('grant add --agent dev --credential api --path /v2');
    expect(await json('grant list')).toMatchObject([{ ...limits, path_prefixes: ['/v2'] }]);
    await json('grant revoke --agent dev --credential api --yes');
    await json('grant add --agent dev --credential api --rate 60');

    const { lending } = operator.broker;
    const session = lending.verifySession(
      (await lending.openSession({ agentToken: String(agent?.token) }, { id: 'i', name: 'pod' })).token,
    );
    const { leaseId } = await lending.issueLease(session, { credentialId: String(credential?.id), ttlMs: 60_000 });
    expect(await json('lease list')).toMatchObject([{ id: leaseId, agent: 'dev', credential: 'api', status: 'active' }]);
    const [revoked] = await json(`lease revoke ${leaseId} --yes`);
    expect(revoked).toMatchObject({ id: leaseId, status: 'revoked', committed_at: expect.stringMatching(/Z$/) });
    expect((await leasehold('lease list')).stdout).toContain('(none)');
    expect(await json('lease list --all')).toMatchObject([{ id: leaseId, status: 'revoked' }]);
    expect(await json('audit verify')).toEqual([{ intact: true, rows: expect.any(Number) }]);
  });

  test('an operator of one tenant is made, listed, and deleted', async () => {
    const [made] = await json('operator add helper');
    expect(Object.keys(made ?? {})).toEqual(['id', 'name', 'tenant_id', 'created_at', 'token']);
    const { token: _, ...shown } = made ?? {};
    expect(await json('operator list')).toContainEqual(shown);
    expect((await leasehold('operator list')).stdout).toContain(String(made?.id));
    expect((await leasehold('operator delete helper')).code).toBe(2);
    expect(await json('operator delete helper --yes')).toEqual([shown]);
    expect(await leasehold('operator delete helper --yes')).toMatchObject({ code: 4, stderr: expect.stringContaining('operator list') });
  });

  test('a tenant is told to let its agents discover names, and a credential is replaced where its placeholder stands', async () => {
    expect(await json('tenant set one --discover-names on')).toMatchObject([{ name: 'one', agents_discover_names: true }]);
    expect((await leasehold('tenant list')).stdout).toContain('discoverable');
    const nothing = await leasehold('tenant set one');
    expect([nothing.code, nothing.stderr]).toEqual([2, expect.stringContaining('--discover-names')]);
    const flags = '--replace header,body --body form --placeholder sk-{random} --env API_KEY={placeholder}';
    const [added] = await json(`credential add api --destination https://api.example.com ${flags}`, 'sk-first-000\n');
    expect(added).toMatchObject({ injection: { kind: 'placeholder', in: ['header', 'body'] }, destinations: [{ body: 'form' }] });
    const { stdout } = await leasehold('credential show api');
    for (const part of [String(added?.placeholder), 'API_KEY={placeholder}', 'in header, body']) expect(stdout).toContain(part);
  });

  test('the value is stored as it was given but for one line end, and is shown by nothing', async () => {
    let stored = '';
    operator.over = {
      addCredential: (by, tenant, draft, value) => {
        stored = Buffer.from(value).toString();
        return operator.broker.admin.addCredential(by, tenant, draft, value);
      },
    };
    const shown = await leasehold(`${addApi} --json`, { input: 'sk-first-000\r\n' });
    expect(stored).toBe('sk-first-000');
    const file = join(operator.dir, 'value.txt');
    await writeFile(file, 'sk-file-0000\n');
    expect((await leasehold(`credential rotate api --value-file ${file}`)).code).toBe(0);
    const all = [shown, await leasehold('credential show api'), await leasehold('credential list'), await leasehold('audit tail')];
    for (const { stdout, stderr } of all) expect(stdout + stderr).not.toMatch(/sk-f|c2stZ/);
  });

  test.each([
    ['credential suspend api', 'active'],
    ['agent suspend dev', 'active'],
    ['agent rotate-token dev', 'active'],
    ['tenant suspend one', 'active'],
    ['credential rotate api', 'sk-second-00'],
    ['grant revoke --agent dev --credential api --yes', ''],
    ['credential delete api --yes', ''],
    ['agent delete dev --yes', ''],
  ])('%s says when it was committed', async (line, input) => {
    await lent();
    const [changed] = await json(line, input);
    expect(changed?.committed_at).toEqual(expect.stringMatching(/^\d{4}-.*\.\d{3}Z$/));
  });

  test('a token goes into a new file with mode 0600, and never over one that is there', async () => {
    const file = join(operator.dir, 'agent.token');
    const [made] = await json(`agent add dev --token-file ${file}`);
    expect([made?.token_file, made?.token]).toEqual([file, undefined]);
    const token = await readFile(file, 'utf8');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const again = await leasehold(`agent rotate-token dev --token-file ${file}`);
    expect(again.code).toBe(2);
    expect(await readFile(file, 'utf8')).toBe(token);
    expect(
      (await operator.broker.admin.listAgents(operator.broker.root, 'one', { limit: 1, after: undefined })).items[0]?.tokenVersion,
    ).toBe(1);
  });

  test('tables are aligned when piped, and hold no colour', async () => {
    await lent();
    const { stdout } = await leasehold('grant list');
    const [head = '', row = ''] = stdout.split('\n');
    expect(head.indexOf('CREDENTIAL')).toBe(row.indexOf('api'));
    expect(stdout).not.toContain('\u001b');
  });
});

describe('--tenant', () => {
  test('is the only one there is, LEASEHOLD_TENANT, or what was said, in rising order', async () => {
    await operator.broker.admin.addAgent(operator.broker.root, 'one', 'first');
    expect(await json('agent list')).toMatchObject([{ name: 'first' }]);
    await operator.broker.admin.addTenant(operator.broker.root, 'two');
    const unsure = await leasehold('agent list');
    expect([unsure.code, unsure.stderr]).toEqual([2, expect.stringContaining('--tenant')]);
    const env = { LEASEHOLD_TENANT: 'two' };
    expect((await leasehold('agent list', { env })).stdout).toContain('(none)');
    expect((await leasehold('agent list --tenant one', { env })).stdout).toContain('first');
    expect((await leasehold('agent list --tenant ghost')).code).toBe(4);
  });
});

describe('--wait', () => {
  const follow: AdminUseCases['confirmations'] = async function* () {
    yield {
      done: false,
      total: 2,
      confirmedCount: 1,
      confirmed: [{ instance: 'pod-1', afterMs: 3 }],
      outstanding: ['pod-2'],
      elapsedMs: 3,
    };
    yield {
      done: true,
      total: 2,
      confirmedCount: 1,
      confirmed: [{ instance: 'pod-1', afterMs: 3 }],
      outstanding: ['pod-2'],
      elapsedMs: 3_000,
    };
  };

  test('counts the sidecars that confirmed, and names those that the bound closed', async () => {
    await lent();
    operator.over = { confirmations: follow };
    const { stdout } = await leasehold('credential suspend api --wait');
    expect(stdout).toContain('1 of 2 sidecars confirmed in 3000 ms');
    expect(stdout).toMatch(/closed by the bound.*pod-2/);
  });

  test('with --json what was changed is a line, and each step is', async () => {
    await lent();
    operator.over = { confirmations: follow };
    const [changed, ...steps] = await json('credential suspend api --wait');
    expect(changed).toMatchObject({ name: 'api', status: 'suspended', committed_at: expect.any(String) });
    expect(steps.map(({ done }) => done)).toEqual([false, true]);
    expect(Object.keys(steps[0] ?? {})).toEqual([
      'done',
      'total',
      'confirmed_count',
      'confirmed',
      'outstanding',
      'elapsed_ms',
      'committed_at',
    ]);
  });

  test('a broker that stops on the way is no success', async () => {
    await lent();
    operator.over = {
      confirmations: async function* () {
        yield { done: false, total: 1, confirmedCount: 0, confirmed: [], outstanding: ['pod-1'], elapsedMs: 1 };
        throw new Error('gone');
      },
    };
    expect((await leasehold('credential suspend api --wait')).code).toBe(5);
  });
});

describe('what was not asked for is not done', () => {
  test.each(['credential delete api', 'agent delete dev', 'grant revoke --agent dev --credential api', 'lease revoke lse_1'])(
    '%s wants --yes where nobody can be asked',
    async (line) => {
      await lent();
      const before = await operator.broker.admin.auditRows(operator.broker.root, 'one', { newest: 100 });
      const result = await leasehold(line);
      expect([result.code, result.stderr]).toEqual([2, expect.stringContaining('--yes')]);
      expect(await operator.broker.admin.auditRows(operator.broker.root, 'one', { newest: 100 })).toEqual(before);
    },
  );

  test.each([
    `${addApi} sk-secret-000`,
    `${addApi} --value=sk-secret-000`,
    `${addApi} -sk-secret-000`,
    'credential sk-secret-000',
    'sk-secret-000',
  ])('%s: a surplus argument is refused and not repeated', async (line) => {
    const result = await leasehold(line, { input: 'sk-first-000' });
    expect([result.code, result.stdout]).toEqual([2, '']);
    expect(result.stderr).not.toContain('sk-secret');
    expect((await operator.broker.admin.listCredentials(operator.broker.root, 'one', { limit: 1, after: undefined })).items).toEqual([]);
  });

  test.each(['2030-01-31', '2030-01-31T12:00:00', 'tomorrow'])('--not-after %s is not guessed at', async (time) => {
    await lent();
    expect((await leasehold(`grant add --agent dev --credential api --not-after ${time}`)).code).toBe(2);
  });
});

describe('the audit trail', () => {
  test('the newest rows come as a table, and all of them as lines', async () => {
    await lent();
    const { stdout } = await leasehold('audit tail --limit 2');
    expect(stdout.trim().split('\n')).toHaveLength(3);
    expect(stdout).toMatch(/operator +grant\.created +allowed +dev ← api/);
    const rows = await json('audit export');
    expect(rows.map(({ seq }) => seq)).toEqual(rows.map((_, index) => index + 1));
  });

  test('a trail that is not intact is named with its row, and is exit code 1', async () => {
    operator.over = {
      verifyAudit: async function* () {
        yield { done: false, rows: 6, of: 9 };
        yield { done: true, intact: false, badSeq: 7, why: 'its hash does not fit' };
      },
    };
    const forPrograms = await leasehold('audit verify --json');
    expect([forPrograms.code, JSON.parse(forPrograms.stdout)]).toEqual([1, { intact: false, bad_seq: 7, why: 'its hash does not fit' }]);
    const forPeople = await leasehold('audit verify');
    expect([forPeople.code, forPeople.stderr]).toEqual([1, expect.stringMatching(/row 7: its hash does not fit/)]);
  });

  test('a reader that has seen enough ends an export quietly', async () => {
    const row = (await operator.broker.admin.auditRows(operator.broker.root, 'one', { newest: 1 }))[0];
    if (row === undefined) throw new Error('the tenant has no row');
    operator.over = {
      auditRows: async (_by, _tenant, ask) =>
        Array.from({ length: 'limit' in ask ? ask.limit : 0 }, (_, index) => ({ ...row, seq: index + 1 })),
    };
    const child = spawn(
      process.execPath,
      [join(import.meta.dirname, '../../packages/cli/src/main.ts'), 'audit', 'export', '--dir', operator.dir],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    child.stdout.once('data', () => child.stdout.destroy());
    const [code] = await once(child, 'close');
    expect([code, stderr]).toEqual([0, '']);
  });
});

describe('what a terminal gets', () => {
  test('what an agent chose to call does not steer it', async () => {
    const [row] = await operator.broker.admin.auditRows(operator.broker.root, 'one', { newest: 1 });
    if (row === undefined) throw new Error('the tenant has no row');
    const detail = { method: 'GET', authority: 'api.example.com', path: '/\u001b]0;gotcha\u0007', status: 200, count: 1 };
    operator.over = { auditRows: async () => [{ ...row, event: { ...row.event, detail } }] };
    expect((await leasehold('audit tail')).stdout).not.toContain('\u001b');
  });

  test('completion knows every noun, verb and flag, and bash takes it', async () => {
    const { stdout: script } = await runCli(['completion', 'bash']);
    const complete = async (...words: readonly string[]) => {
      const ask = `${script}\nCOMP_WORDS=(leasehold ${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length}; _leasehold; echo "\${COMPREPLY[@]}"`;
      return (await promisify(execFile)('bash', ['--norc', '-c', ask])).stdout.trim();
    };
    expect(await complete('cred')).toBe('credential');
    expect(await complete('credential', 'su')).toBe('suspend');
    expect(await complete('grant', 'add', '--not')).toBe('--not-after');
    for (const shell of ['zsh', 'fish']) expect((await runCli(['completion', shell])).stdout).toContain('rotate-token');
    expect((await runCli(['completion', 'tcsh'])).code).toBe(2);
  });
});

test('every problem with the files of a connection is named at once', async () => {
  const empty = join(operator.dir, 'empty');
  await mkdir(empty);
  const env = {
    LEASEHOLD_ADMIN_URL: 'https://localhost:1',
    LEASEHOLD_TOKEN_FILE: join(empty, 'token'),
    LEASEHOLD_CA_FILE: join(empty, 'ca.pem'),
  };
  const { code, stderr } = await runCli(['status'], '', env);
  expect([code, stderr.includes('/token'), stderr.includes('/ca.pem')]).toEqual([2, true, true]);
});

test('an address without TLS is refused before the token is sent', async () => {
  const admin = JSON.parse(await readFile(join(operator.dir, 'admin.json'), 'utf8'));
  const env = {
    LEASEHOLD_ADMIN_URL: admin.url.replace('https', 'http'),
    LEASEHOLD_TOKEN_FILE: admin.token_file,
    LEASEHOLD_CA_FILE: admin.ca_file,
  };
  expect(await runCli(['status'], '', env)).toMatchObject({ code: 2, stderr: expect.stringContaining('https://') });
});
