import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AgentAnswer, throughBaseUrl, throughProxy } from '../harness/agent-http.ts';
import { type DevStack, startDevStack } from '../harness/dev-stack.ts';
import { addCredential, eventually, grant } from '../harness/lending.ts';
import { startVendor, type Vendor } from '../harness/vendor.ts';

let stack: DevStack;
let vendor: Vendor;
/** Credentials: `lent` with a grant; `hidden` of the same tenant without one; `foreign` of another tenant. */
let foreignVendor: Vendor;

beforeAll(async () => {
  vendor = await startVendor();
  foreignVendor = await startVendor();
  stack = await startDevStack();
  const flags = ['--tenant', 'dev'];
  await stack.ok(['tenant', 'add', 'others']);
  await addCredential(stack, foreignVendor, { name: 'foreign', value: 'sk-foreign-000000', extra: ['--tenant', 'others'] });
  await stack.ok(['agent', 'add', 'stranger', ...flags, '--token-file', `${stack.dir}/stranger.token`]);
  await addCredential(stack, vendor, { name: 'lent', value: 'sk-lent-000000000', extra: [...flags, '--path', '/lent'] });
  const hidden = { ...vendor, url: vendor.url.replace('localhost', '127.0.0.1') };
  await addCredential(stack, hidden, { name: 'hidden', value: 'sk-hidden-0000000', extra: flags });
  await grant(stack, 'lent', ...flags);
  await eventually(
    () => throughBaseUrl(stack.proxyPort, '/lent/lent'),
    ({ status }) => status === 200,
  );
});

afterAll(async () => {
  await stack?.close();
  await vendor?.close();
  await foreignVendor?.close();
});

const hiddenUrl = () => `http://127.0.0.1:${vendor.port}/x`;
const errorOf = ({ body }: AgentAnswer) => JSON.parse(body).error;
const discover = (onOrOff: 'on' | 'off') => stack.ok(['tenant', 'set', 'dev', '--discover-names', onOrOff]);

describe('a refusal says where the request was going, and what an operator would run', () => {
  test('without a grant: agent and destination, and no name of a credential', async () => {
    const answer = await throughProxy(stack.proxyPort, hiddenUrl());
    expect(answer.status).toBe(403);
    expect(errorOf(answer)).toEqual({
      code: 'no_route',
      message: expect.stringContaining('leasehold grant add --agent dev --credential NAME'),
      destination: `http://127.0.0.1:${vendor.port}`,
      hint: 'leasehold grant add --agent dev --credential NAME',
      request_id: expect.any(String),
    });
  });

  test('with a grant that does not reach so far: the name, which the agent has', async () => {
    const answer = await throughProxy(stack.proxyPort, `${vendor.url.replace('https', 'http')}/elsewhere`);
    expect(errorOf(answer)).toMatchObject({
      code: 'path_not_allowed',
      destination: `${vendor.url}`,
      hint: 'leasehold credential show lent',
    });
  });

  test('where the tenant lets names be discovered, the command is whole; running it is all it takes', async () => {
    await discover('on');
    const told = await eventually(
      () => throughProxy(stack.proxyPort, hiddenUrl()),
      ({ code }) => code === 'no_grant',
    );
    expect(errorOf(told).hint).toBe('leasehold grant add --agent dev --credential hidden');
    await discover('off');
    const silent = await eventually(
      () => throughProxy(stack.proxyPort, hiddenUrl()),
      ({ code }) => code === 'no_route',
    );
    expect(silent.body).not.toContain('hidden');
  });
});

describe('INV-14: nothing tells what another tenant has from what does not exist', () => {
  const bodyOf = async (answer: Promise<AgentAnswer>, own: string) => {
    const { status, body } = await answer;
    return [status, body.replaceAll(own, 'X').replace(/"request_id":"[^"]*"/, '')];
  };

  test.each(['off', 'on'] as const)('by base URL and by proxy, with discovery %s', async (setting) => {
    await discover(setting);
    if (setting === 'on')
      await eventually(
        () => throughProxy(stack.proxyPort, hiddenUrl()),
        ({ code }) => code === 'no_grant',
      );
    const named = ['foreign', 'missing'].map((name) => bodyOf(throughBaseUrl(stack.proxyPort, `/${name}/x`), name));
    expect(await named[0]).toEqual(await named[1]);
    const hosts = [`localhost:${foreignVendor.port}`, 'localhost:9'].map((host) =>
      bodyOf(throughProxy(stack.proxyPort, `http://${host}/x`), host),
    );
    expect(await hosts[0]).toEqual(await hosts[1]);
    for (const [, body] of await Promise.all([...named, ...hosts])) expect(body).not.toMatch(/foreign|others|stranger/);
    expect(foreignVendor.seen).toEqual([]);
  });
});
