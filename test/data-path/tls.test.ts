import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { createTestCa, type Identity, type TestCa } from '../harness/certificates.ts';
import { type DataPath, routeTo, secretValue, startDataPath } from './rig.ts';
import { exchangeBytes, parseAnswer, plainOk, type ScriptedUpstream, startUpstream } from './sockets.ts';

let path: DataPath;
let upstream: ScriptedUpstream | undefined;
let ca: TestCa;

beforeAll(async () => {
  ca = await createTestCa();
  path = await startDataPath();
});

afterAll(async () => {
  await path.close();
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await upstream?.close();
  upstream = undefined;
  path.uses.length = 0;
});

async function vendorWith({ certPem, keyPem }: Identity, more = {}): Promise<ScriptedUpstream> {
  upstream = await startUpstream(plainOk, { cert: certPem, key: keyPem, ...more });
  return upstream;
}

async function ask(request: (port: number) => string, { port } = path): Promise<{ status: number; code: string | undefined }> {
  const { status, headers } = parseAnswer(await exchangeBytes(port, `${request(port)}connection: close\r\n\r\n`));
  return { status, code: headers['x-leasehold-error'] };
}

const byBaseUrl = (port: number) => `GET /api/x HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n`;

describe('INV-8, THREATS 14: the secret goes out over verified TLS only', () => {
  test('a certificate of the CA that the destination names, for the name that it has', async () => {
    const vendor = await vendorWith(await ca.issue(['localhost']));
    path.route(routeTo(`https://localhost:${vendor.port}`, { destination: { caPem: ca.caPem } }));
    expect((await ask(byBaseUrl)).status).toBe(200);
    expect(vendor.received.join('')).toContain(secretValue);
  });

  test('a destination that is an address needs a certificate for that address', async () => {
    const vendor = await vendorWith(await ca.issue(['127.0.0.1']));
    path.route(routeTo(`https://127.0.0.1:${vendor.port}`, { destination: { caPem: ca.caPem } }));
    expect((await ask(byBaseUrl)).status).toBe(200);
    await vendor.close();
    const named = await vendorWith(await ca.issue(['localhost']));
    path.route(routeTo(`https://127.0.0.1:${named.port}`, { destination: { caPem: ca.caPem } }));
    expect(await ask(byBaseUrl)).toEqual({ status: 502, code: 'upstream_tls_failed' });
  });

  describe.each([
    ['whatever the environment', undefined],
    ['with NODE_TLS_REJECT_UNAUTHORIZED=0', '0'],
  ])('refused %s', (_, environment) => {
    const cases: readonly (readonly [string, () => Promise<Identity>, boolean])[] = [
      ['a certificate of another CA', async () => (await createTestCa()).issue(['localhost']), true],
      ['a certificate of another name', () => ca.issue(['elsewhere.example']), true],
      ['a certificate of a longer name', () => ca.issue(['localhost.elsewhere.example']), true],
      ['an expired certificate', () => ca.issue(['localhost'], { daysLeft: -1 }), true],
      ['a private CA that the destination does not name', () => ca.issue(['localhost']), false],
    ];
    test.each(cases)('%s: 502, and no byte of the request arrives', async (__, issue, isNamed) => {
      if (environment !== undefined) vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', environment);
      const vendor = await vendorWith(await issue());
      path.route(routeTo(`https://localhost:${vendor.port}`, { destination: { caPem: isNamed ? ca.caPem : undefined } }));
      expect(await ask(byBaseUrl)).toEqual({ status: 502, code: 'upstream_tls_failed' });
      expect(vendor.received.join('')).toBe('');
      expect(path.uses.map(({ outcome, httpStatus }) => [outcome, httpStatus])).toEqual([['upstream_tls_failed', 502]]);
    });
  });

  test('a CA that is none fails the request, and the sidecar goes on', async () => {
    const vendor = await vendorWith(await ca.issue(['localhost']));
    path.route(routeTo(`https://localhost:${vendor.port}`, { destination: { caPem: 'no certificate' } }));
    expect(await ask(byBaseUrl)).toEqual({ status: 502, code: 'upstream_tls_failed' });
    path.route(routeTo(`https://localhost:${vendor.port}`, { destination: { caPem: ca.caPem } }));
    expect((await ask(byBaseUrl)).status).toBe(200);
  });

  test('TLS 1.2 is enough', async () => {
    const vendor = await vendorWith(await ca.issue(['localhost']), { maxVersion: 'TLSv1.2' });
    path.route(routeTo(`https://localhost:${vendor.port}`, { destination: { caPem: ca.caPem } }));
    expect((await ask(byBaseUrl)).status).toBe(200);
  });

  test('TLS older than 1.2 is refused', async () => {
    const vendor = await vendorWith(await ca.issue(['localhost']), {
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    });
    path.route(routeTo(`https://localhost:${vendor.port}`, { destination: { caPem: ca.caPem } }));
    expect(await ask(byBaseUrl)).toEqual({ status: 502, code: 'upstream_tls_failed' });
  });

  test('a plain server where TLS was expected is refused', async () => {
    upstream = await startUpstream((peer) => peer.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'));
    path.route(routeTo(`https://localhost:${upstream.port}`, { destination: { caPem: ca.caPem } }));
    expect(await ask(byBaseUrl)).toEqual({ status: 502, code: 'upstream_tls_failed' });
    expect(upstream.received.join('')).not.toContain(secretValue);
  });
});

test('a handshake that never ends is 504, and its connection is closed', async () => {
  upstream = await startUpstream(() => undefined);
  const impatient = await startDataPath({ upstream: { timeoutMs: 200 } });
  try {
    impatient.route(routeTo(`https://localhost:${upstream.port}`));
    expect(await ask(byBaseUrl, impatient)).toEqual({ status: 504, code: 'upstream_timeout' });
    await upstream.peers[0]?.closed();
  } finally {
    await impatient.close();
  }
});

describe('THREATS 13: what is bound to https goes out over TLS or not at all', () => {
  const byProxy = (scheme: string, port: number) => () => `GET ${scheme}://localhost:${port}/x HTTP/1.1\r\nhost: localhost:${port}\r\n`;

  test('a plain http:// URL with the port of an https destination goes on over TLS', async () => {
    const vendor = await vendorWith(await ca.issue(['localhost']));
    path.route(routeTo(`https://localhost:${vendor.port}`, { destination: { caPem: ca.caPem } }));
    expect((await ask(byProxy('http', vendor.port))).status).toBe(200);
    expect(vendor.received.join('')).toContain(`authorization: Bearer ${secretValue}\r\n`);
  });

  test('a server that speaks no TLS there gets nothing', async () => {
    upstream = await startUpstream((peer) => peer.socket.once('data', () => peer.write('HTTP/1.1 400 Bad Request\r\n\r\n')));
    path.route(routeTo(`https://localhost:${upstream.port}`, { destination: { caPem: ca.caPem } }));
    expect(await ask(byProxy('http', upstream.port))).toEqual({ status: 502, code: 'upstream_tls_failed' });
    expect(upstream.received.join('')).not.toContain('GET');
  });

  test('what was asked for over https never goes out in the clear', async () => {
    upstream = await startUpstream(plainOk);
    path.route(routeTo(`http://localhost:${upstream.port}`));
    expect((await ask(byProxy('https', upstream.port))).status).toBe(403);
    expect(upstream.peers).toHaveLength(0);
  });
});
