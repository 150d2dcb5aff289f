import { afterAll, beforeAll, expect, test } from 'vitest';
import { throughBaseUrl } from '../harness/agent-http.ts';
import { type DevStack, startDevStack } from '../harness/dev-stack.ts';
import { addCredential, eventually, grant } from '../harness/lending.ts';
import { startVendor, type Vendor } from '../harness/vendor.ts';

let stack: DevStack;
let vendor: Vendor;

beforeAll(async () => {
  vendor = await startVendor();
  stack = await startDevStack();
});

afterAll(async () => {
  await stack?.close();
  await vendor?.close();
});

/** What a listing prints. */
async function rowsOf(...words: readonly string[]): Promise<readonly Record<string, unknown>[]> {
  const lines = (await stack.ok([...words, '--json'])).trim().split('\n');
  return lines.map((line) => JSON.parse(line));
}

// The store alone is killed at random points in test/fault; here the whole product is, with the command line's answers as acknowledgements.
test('kill -9 of the broker loses no acknowledged credential, grant, suspension or audit row', async () => {
  const acknowledged: { name: string; status: string }[] = [];
  const granted: string[] = [];
  for (let round = 0; round < 3; round += 1) {
    const names = [0, 1, 2].map((each) => `round-${round}-${each}`);
    let isKilled = false;
    const load = names.map(async (name, index) => {
      try {
        await addCredential(stack, vendor, { name, value: `sk-${name}-000000`, extra: ['--path', `/${name}`] });
        acknowledged.push({ name, status: 'active' });
        await grant(stack, name);
        granted.push(name);
        if (index === 0) {
          await stack.ok(['credential', 'suspend', name]);
          acknowledged.push({ name, status: 'suspended' });
        }
      } catch (error) {
        if (!isKilled) throw error;
      }
    });
    await eventually(
      async () => acknowledged.length > round * 2 + 1 && granted.length > round,
      (isEnough) => isEnough,
    );
    isKilled = true;
    process.kill(stack.ready.pids.broker, 'SIGKILL');
    await Promise.all(load);
    await stack.stop();
    stack = await startDevStack({ dir: stack.dir });
  }
  const listed = await rowsOf('credential', 'list');
  const grants = await rowsOf('grant', 'list');
  expect(grants.map(({ credential }) => credential)).toEqual(expect.arrayContaining(granted));
  const idOf = (name: string) => String(listed.find((each) => each.name === name)?.id);
  const trail = await rowsOf('audit', 'tail', '--limit', '1000');
  const recorded = new Set(trail.map(({ action, credential_id }) => `${action} ${credential_id}`));
  const actions: Readonly<Record<string, string>> = { active: 'credential.created', suspended: 'credential.suspended' };
  for (const { name, status } of acknowledged) expect(recorded).toContain(`${actions[status]} ${idOf(name)}`);
  for (const name of granted) expect(recorded).toContain(`grant.created ${idOf(name)}`);
  const last = new Map(acknowledged.map(({ name, status }) => [name, status]));
  expect(last.size).toBeGreaterThanOrEqual(3);
  for (const [name, status] of last) {
    const found = listed.find((each) => each.name === name);
    // A suspension may have committed although its answer was lost; nothing acknowledged may be missing or undone.
    expect(found).toBeDefined();
    if (status === 'suspended') expect(found?.status).toBe('suspended');
  }
  expect((await stack.cli(['audit', 'verify'])).code).toBe(0);
});

test('the same directory given again starts with the same data', async () => {
  await addCredential(stack, vendor, { name: 'kept', value: 'sk-kept-000000', extra: ['--path', '/kept'] });
  await grant(stack, 'kept');
  await eventually(
    () => throughBaseUrl(stack.proxyPort, '/kept/kept'),
    ({ status }) => status === 200,
  );
  expect(await stack.stop()).toBe(0);
  stack = await startDevStack({ dir: stack.dir });
  // The sidecar gave its lease back before it ended.
  const leases = await rowsOf('lease', 'list', '--all');
  expect(leases.filter(({ credential }) => credential === 'kept').map(({ status }) => status)).toEqual(['released']);
  const answer = await eventually(
    () => throughBaseUrl(stack.proxyPort, '/kept/kept'),
    ({ status }) => status === 200,
  );
  expect(answer.status).toBe(200);
  expect(vendor.seen.at(-1)?.headers.authorization).toBe('Bearer sk-kept-000000');
});
