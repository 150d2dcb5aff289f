import { readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseAnswer } from '../data-path/sockets.ts';
import { openTunnel, type SecurePeer, tlsInside } from '../data-path/tunnels.ts';
import { type DevStack, startDevStack } from '../harness/dev-stack.ts';
import { addCredential, eventually, grant } from '../harness/lending.ts';
import { startVendor, type Vendor } from '../harness/vendor.ts';

const secret = 'sk-canary-intercepted-0123456789';
let stack: DevStack;
let vendor: Vendor;

beforeAll(async () => {
  vendor = await startVendor({
    onHead: (incoming, response) => {
      if (incoming.url !== '/stream') {
        response.end(`you sent ${incoming.headers.authorization}`);
        return;
      }
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const timer = setInterval(() => response.write('data: tick\n\n'), 20);
      response.on('close', () => {
        clearInterval(timer);
        streamsEnded += 1;
      });
    },
  });
  stack = await startDevStack();
  await addCredential(stack, vendor, { name: 'api', value: secret });
});

afterAll(async () => {
  await stack?.close();
  await vendor?.close();
});

let streamsEnded = 0;
const authority = () => `localhost:${vendor.port}`;

/** As a client that was told the proxy and the CA file, and nothing else. */
async function secureTunnel(): Promise<SecurePeer> {
  const ca = await readFile(stack.ready.agent_ca_file);
  return tlsInside(await openTunnel(stack.proxyPort, authority()), { ca, servername: 'localhost' });
}

async function ask(path: string): Promise<ReturnType<typeof parseAnswer>> {
  const { peer } = await secureTunnel();
  peer.write(`GET ${path} HTTP/1.1\r\nhost: ${authority()}\r\nconnection: close\r\n\r\n`);
  return parseAnswer((await peer.closed()).received);
}

describe('INV-1 and INV-2: https:// through the proxy', () => {
  test('without the grant the tunnel is refused with a typed error, and nothing reaches the vendor', async () => {
    await expect(openTunnel(stack.proxyPort, authority())).rejects.toThrow(/HTTP\/1\.1 403 Forbidden[\s\S]*x-leasehold-error: no_route/);
    expect(vendor.seen).toEqual([]);
    const trail = await eventually(
      () => stack.ok(['audit', 'tail', '--json']),
      (text) => text.includes('"CONNECT"'),
    );
    expect(trail).toMatch(/request\.refused.*no_route|no_route.*request\.refused/);
  });

  test('with it the vendor sees the secret, the agent does not, and the use is on record', async () => {
    await grant(stack, 'api', '--ttl', '5m');
    const { status, body } = await eventually(
      () => ask('/x').catch(() => ({ status: 0, headers: {}, body: '' })),
      (answer) => answer.status !== 0,
    );
    expect([status, vendor.seen.at(-1)?.headers.authorization]).toEqual([200, `Bearer ${secret}`]);
    expect(body).not.toContain(secret);
    await eventually(
      () => stack.ok(['audit', 'tail', '--json']),
      (text) => text.includes('lease.used'),
    );
  });
});

test('INV-6: a revocation cuts a stream inside a tunnel, on both sides, and the next tunnel is refused', async () => {
  const { peer } = await secureTunnel();
  peer.write(`GET /stream HTTP/1.1\r\nhost: ${authority()}\r\n\r\n`);
  await peer.until(/tick/);
  await stack.ok(['grant', 'revoke', '--agent', 'dev', '--credential', 'api', '--yes', '--wait']);
  const { received } = await peer.closed();
  expect(received).not.toMatch(/0\r\n\r\n$/);
  await eventually(
    async () => streamsEnded,
    (count) => count === 1,
  );
  await expect(
    eventually(
      () => openTunnel(stack.proxyPort, authority()),
      () => false,
    ),
  ).rejects.toThrow(/no_route/);
});

describe('THREATS 37: what is on disk for agents', () => {
  test('is two files of certificates that anybody may read, and nothing else', async () => {
    const dir = dirname(stack.ready.agent_ca_file);
    expect((await readdir(dir)).sort()).toEqual(['bundle.pem', 'ca.pem']);
    for (const name of ['bundle.pem', 'ca.pem']) {
      const file = join(dir, name);
      expect((await stat(file)).mode & 0o777).toBe(0o644);
      expect(await readFile(file, 'utf8')).not.toContain('PRIVATE KEY');
    }
    const ours = await readFile(stack.ready.agent_ca_file, 'utf8');
    const bundle = await readFile(stack.ready.agent_bundle_file, 'utf8');
    expect(bundle).toContain(ours);
    expect(bundle.length).toBeGreaterThan(ours.length * 10);
  });

  test('a client that was not told the CA is listed for `doctor`, and counted', async () => {
    await grant(stack, 'api');
    const tunnel = await eventually(
      () => openTunnel(stack.proxyPort, authority()).catch(() => undefined),
      (opened) => opened !== undefined,
    );
    if (tunnel === undefined) throw new Error('no tunnel');
    await expect(tlsInside(tunnel, { ca: vendor.caPem, servername: 'localhost' })).rejects.toThrow(/unable to verify|self.signed/i);
    const ops = new URL('/tls-rejections', stack.ready.sidecar.metrics_url);
    const listed = await eventually(
      async () => (await fetch(ops)).json(),
      (page) => JSON.stringify(page).includes('localhost'),
    );
    expect(listed).toEqual({ rejections: [{ host: 'localhost', count: 1, how: 'silent' }] });
    const metrics = await (await fetch(stack.ready.sidecar.metrics_url)).text();
    expect(metrics).toContain('leasehold_sidecar_tls_client_rejections_total 1');
    expect(await stack.log()).toMatch(/"host":"localhost","how":"silent"/);
  });
});
