import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { throughBaseUrl } from '../harness/agent-http.ts';
import { type DevStack, startDevStack } from '../harness/dev-stack.ts';
import { addCredential, eventually, grant } from '../harness/lending.ts';
import { startVendor, type Vendor } from '../harness/vendor.ts';

/** The kill switch, from the operator's keyboard to the vendor's wire. */

let stack: DevStack;
let vendor: Vendor;

beforeAll(async () => {
  vendor = await startVendor({
    onHead: (incoming, response) => {
      if (!incoming.url?.startsWith('/events')) {
        response.end('ok');
        return;
      }
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const timer = setInterval(() => response.write('data: tick\n\n'), 20);
      response.on('close', () => clearInterval(timer));
    },
  });
  stack = await startDevStack();
  for (const name of ['first', 'second']) {
    await addCredential(stack, vendor, { name, value: `sk-${name}-00000000`, extra: ['--path', `/${name}`, '--path', '/events'] });
    await grant(stack, name);
  }
});

afterAll(async () => {
  await stack?.close();
  await vendor?.close();
});

const call = (name: string) => throughBaseUrl(stack.proxyPort, `/${name}/${name}`);
const works = () =>
  Promise.all(
    ['first', 'second'].map((name) =>
      eventually(
        () => call(name),
        ({ status }) => status === 200,
      ),
    ),
  );

/** Resolves, once the first event is there, with a promise of the end of the stream. */
async function listen(): Promise<{ readonly cut: Promise<boolean> }> {
  const cut = Promise.withResolvers<boolean>();
  await new Promise<void>((resolve, reject) => {
    const outgoing = request({ host: '127.0.0.1', port: stack.proxyPort, path: '/first/events' }, (response) => {
      response.once('data', () => resolve());
      response.on('end', () => cut.resolve(false));
      response.on('error', () => cut.resolve(true));
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
  return { cut: cut.promise };
}

describe('INV-3, INV-6: one word cuts off everything below it, and it stays off until it is resumed', () => {
  test.each([
    [['kill', 'agent', 'dev'], 'agent_suspended', ['agent', 'resume', 'dev']],
    [['kill', 'tenant', 'dev'], 'tenant_suspended', ['tenant', 'resume', 'dev']],
    [['kill', 'all'], 'tenant_suspended', ['tenant', 'resume', 'dev']],
  ])('%j', async (kill, code, resume) => {
    await works();
    const stream = await listen();
    const said = await stack.ok([...kill, '--yes', '--wait']);
    expect(said).toMatch(/^1 of 1 sidecars confirmed in \d+ ms$/m);
    // The sidecar has confirmed: nothing is left to wait for.
    vendor.seen.length = 0;
    for (const name of ['first', 'second']) {
      const refused = await call(name);
      expect([refused.status, refused.code]).toEqual([403, code]);
    }
    expect(vendor.seen).toEqual([]);
    expect(await stream.cut).toBe(true);
    await stack.ok(resume);
    await works();
  });

  test('the trail says who pulled the switch, how far it reached, and what was off before', async () => {
    const rows = (await stack.ok(['audit', 'export', '--json']))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(rows.filter(({ action }) => action.endsWith('.killed'))).toMatchObject([
      { action: 'agent.killed', actor: { kind: 'operator' }, reason: 'killed', detail: { name: 'dev', was: 'active', reach: 'agent' } },
      { action: 'tenant.killed', actor: { kind: 'operator' }, reason: 'killed', detail: { name: 'dev', was: 'active', reach: 'tenant' } },
      { action: 'tenant.killed', actor: { kind: 'operator' }, reason: 'killed', detail: { name: 'dev', was: 'active', reach: 'all' } },
    ]);
    expect(JSON.parse(await stack.ok(['audit', 'verify', '--json']))).toMatchObject({ intact: true });
  });
});
