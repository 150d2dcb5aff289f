import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { throughBaseUrl } from '../harness/agent-http.ts';
import { type DevStack, startDevStack } from '../harness/dev-stack.ts';
import { addCredential, eventually, grant } from '../harness/lending.ts';
import { startVendor, type Vendor } from '../harness/vendor.ts';

let stack: DevStack;
let vendor: Vendor;
/** The next stream's end as the vendor sees it. */
let vendorSide: PromiseWithResolvers<'closed'>;

beforeAll(async () => {
  vendor = await startVendor({
    onHead: (incoming, response) => {
      if (!incoming.url?.startsWith('/stream')) {
        incoming.resume();
        response.end('ok');
        return;
      }
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const timer = setInterval(() => response.write('data: tick\n\n'), 20);
      response.on('close', () => {
        clearInterval(timer);
        vendorSide.resolve('closed');
      });
    },
  });
  stack = await startDevStack();
});

afterAll(async () => {
  await stack?.close();
  await vendor?.close();
});

async function lend(name: string): Promise<void> {
  await addCredential(stack, vendor, { name, value: `sk-${name}-first-000000`, extra: ['--path', `/${name}`, '--path', '/stream'] });
  await grant(stack, name, '--ttl', '5m');
  await eventually(
    () => throughBaseUrl(stack.proxyPort, `/${name}/${name}`),
    ({ status }) => status === 200,
  );
}

/** Opens a stream under the credential; `over` resolves when both sides of it are closed, with how the agent's ended. */
async function openStream(name: string): Promise<{ over: Promise<{ isClean: boolean }> }> {
  vendorSide = Promise.withResolvers();
  const { promise: atVendor } = vendorSide;
  const over = Promise.withResolvers<{ isClean: boolean }>();
  await new Promise<void>((resolve, reject) => {
    const outgoing = request({ host: '127.0.0.1', port: stack.proxyPort, path: `/${name}/stream` }, (response) => {
      response.once('data', () => resolve());
      response.on('end', () => over.resolve({ isClean: true }));
      response.on('error', () => over.resolve({ isClean: false }));
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
  return { over: over.promise.then((end) => atVendor.then(() => end)) };
}

describe('INV-3 and INV-6: one write on a parent kills everything below it, what is in flight included', () => {
  const killings = [
    { name: 'credential-suspend', kill: ['credential', 'suspend', 'credential-suspend'], answer: 'credential_suspended' },
    { name: 'credential-delete', kill: ['credential', 'delete', 'credential-delete', '--yes'], answer: 'no_grant' },
    { name: 'grant-revoke', kill: ['grant', 'revoke', '--agent', 'dev', '--credential', 'grant-revoke', '--yes'], answer: 'no_grant' },
  ];
  for (const { name, kill, answer } of killings) {
    test(`${kill.slice(0, 2).join(' ')} cuts the open stream, and the next call is refused with ${answer}`, async () => {
      await lend(name);
      const stream = await openStream(name);
      await stack.ok([...kill, '--wait']);
      // `--wait` ended: the sidecar has confirmed, so nothing is left to wait for.
      const next = await throughBaseUrl(stack.proxyPort, `/${name}/${name}`);
      expect([next.status, next.code]).toEqual([403, answer]);
      expect(await stream.over).toEqual({ isClean: false });
    });
  }

  test('a narrowed grant: once it is confirmed, what it does not allow any more is refused, and the rest goes on; widened, it goes again', async () => {
    await lend('narrow');
    const post = () => throughBaseUrl(stack.proxyPort, '/narrow/narrow', { method: 'POST' });
    const stream = await openStream('narrow');
    expect((await post()).status).toBe(200);
    const add = ['grant', 'add', '--agent', 'dev', '--credential', 'narrow'];
    await stack.ok([...add, '--method', 'GET', '--wait']);
    const [refused, allowed] = [await post(), await throughBaseUrl(stack.proxyPort, '/narrow/narrow')];
    expect([refused.status, refused.code, allowed.status]).toEqual([403, 'method_not_allowed', 200]);
    expect(await stream.over).toEqual({ isClean: false });
    await stack.ok([...add, '--method', 'GET', '--method', 'POST']);
    expect((await eventually(post, ({ status }) => status !== 403)).status).toBe(200);
  });

  test('a lease revoked by itself ends its stream; a new lease may follow, since the grant lives', async () => {
    await lend('lease-revoke');
    const stream = await openStream('lease-revoke');
    const lines = (await stack.ok(['lease', 'list', '--json'])).trim().split('\n');
    const lease = lines
      .map((line) => JSON.parse(line))
      .find(({ credential, status }) => credential === 'lease-revoke' && status === 'active');
    await stack.ok(['lease', 'revoke', lease.id, '--wait', '--yes']);
    expect(await stream.over).toEqual({ isClean: false });
    expect((await throughBaseUrl(stack.proxyPort, '/lease-revoke/lease-revoke')).status).toBe(200);
  });

  test('a suspended and resumed credential does not bring its old leases back to life', async () => {
    await lend('resume');
    await stack.ok(['credential', 'suspend', 'resume', '--wait']);
    await stack.ok(['credential', 'resume', 'resume']);
    await eventually(
      () => throughBaseUrl(stack.proxyPort, '/resume/resume'),
      ({ status }) => status === 200,
    );
    const leases = (await stack.ok(['lease', 'list', '--all', '--json']))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
      .filter(({ credential }) => credential === 'resume');
    expect(leases.map(({ status }) => status).toSorted()).toEqual(['active', 'revoked']);
  });
});

describe('rotation', () => {
  test('the next lease carries the new value, and no request carries the old one once the sidecar has confirmed', async () => {
    await lend('rotate');
    await stack.ok(['credential', 'rotate', 'rotate', '--wait'], 'sk-rotate-second-000000');
    vendor.seen.length = 0;
    await eventually(
      () => throughBaseUrl(stack.proxyPort, '/rotate/rotate'),
      ({ status }) => status === 200,
    );
    expect(new Set(vendor.seen.map(({ headers }) => headers.authorization))).toEqual(new Set(['Bearer sk-rotate-second-000000']));
  });
});

describe('INV-4: revocation reaches the sidecar by push', () => {
  test('`--wait` names how many sidecars confirmed, and their confirmation comes before the bound', async () => {
    await lend('push');
    const lines = (await stack.ok(['credential', 'suspend', 'push', '--wait', '--json']))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.at(-1)).toMatchObject({ done: true, total: 1, outstanding: [] });
  });
});
