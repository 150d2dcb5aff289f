import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DevStack, runCli, startDevStack } from '../harness/dev-stack.ts';
import { grant } from '../harness/lending.ts';
import { startVendor, type Vendor } from '../harness/vendor.ts';

const value = 'token-of-the-desk-0123456789';
let stack: DevStack;
let vendor: Vendor;

beforeAll(async () => {
  vendor = await startVendor();
  stack = await startDevStack();
  const ca = join(stack.dir, 'vendor.pem');
  await writeFile(ca, vendor.caPem);
  // The desk of the test in the place of the real one; all else is the template's.
  const there = ['--destination', vendor.url, '--ca', ca, '--private', '127.0.0.0/8'];
  const desk = ['--service', 'zendesk', '--set', 'subdomain=acme', '--set', 'email=me@acme.example'];
  await stack.ok(['credential', 'add', 'desk', ...desk, ...there], value);
});

afterAll(async () => {
  await stack?.close();
  await vendor?.close();
});

async function called(): Promise<{ readonly status: string; readonly environment: string }> {
  const script = `curl -s --noproxy '' -o /dev/null -w '%{http_code}\\n' ${vendor.url}/api/v2/tickets.json; env | grep ZENDESK | sort`;
  const { stdout } = await runCli(['run', '--dir', stack.dir, '--', 'sh', '-c', script]);
  const [status = '', ...environment] = stdout.trim().split('\n');
  return { status, environment: environment.join('\n') };
}

describe('a credential from a template', () => {
  test('without a grant gives an agent nothing', async () => {
    expect(await called()).toEqual({ status: '000', environment: '' });
    expect(vendor.seen).toEqual([]);
  });

  test('with a grant goes out as the template says, and the agent is given the template’s variables', async () => {
    await grant(stack, 'desk');
    const { status, environment } = await called();
    expect(status).toBe('200');
    expect(vendor.seen.map(({ headers }) => headers.authorization)).toEqual([`Basic ${btoa(`me@acme.example/token:${value}`)}`]);
    expect(environment).toMatch(/^ZENDESK_API_TOKEN=[A-Za-z0-9]{22}\nZENDESK_EMAIL=me@acme\.example\nZENDESK_SUBDOMAIN=acme$/);
  });

  test('is known by the name of the template', async () => {
    expect(JSON.parse(await stack.ok(['credential', 'show', 'desk', '--json']))).toMatchObject({ service: 'zendesk', type: 'basic' });
  });
});

describe('the templates themselves', () => {
  test('are listed and shown without a broker', async () => {
    const listed = await runCli(['service', 'list', '--category', 'payments', '--json']);
    const names = listed.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).name);
    expect([listed.code, names.includes('stripe'), names.includes('openai')]).toEqual([0, true, false]);
    const shown = JSON.parse((await runCli(['service', 'show', 'zendesk', '--json'])).stdout);
    expect(Object.keys(shown).toSorted()).toEqual(
      [
        'category',
        'destinations',
        'docs',
        'environment',
        'injection',
        'name',
        'note',
        'placeholder',
        'title',
        'type',
        'variables',
      ].toSorted(),
    );
    expect((await runCli(['service', 'show', 'zendesk'])).stdout).toContain(
      'credential add zendesk --service zendesk --set subdomain=acme',
    );
  });

  test.each([
    [['service', 'show', 'zendesck'], 4, 'leasehold service list'],
    [['service', 'list', '--category', 'everything'], 2, 'Use one of ai,'],
  ])('%j leads on to what there is', async (args, code, text) => {
    const result = await runCli(args);
    expect([result.code, result.stdout]).toEqual([code, '']);
    expect(result.stderr).toContain(text);
  });
});
