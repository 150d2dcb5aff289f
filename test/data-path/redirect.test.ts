import { once } from 'node:events';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createTestCa, type TestCa } from '../harness/certificates.ts';
import { type DataPath, routeTo, secretValue, startDataPath } from './rig.ts';
import { exchangeBytes, openPeer, parseAnswer, peerOf, plainOk, type ScriptedUpstream, startUpstream } from './sockets.ts';

const host = 'api.example.com';
let ca: TestCa;
let upstream: ScriptedUpstream;
let path: DataPath;

beforeAll(async () => {
  ca = await createTestCa();
  const { certPem, keyPem } = await ca.issue([host]);
  upstream = await startUpstream(plainOk, { cert: certPem, key: keyPem });
});

afterAll(() => upstream.close());

beforeEach(async () => {
  path = await startDataPath({ redirect: { http: 0, tls: 0 } });
  for (const peer of upstream.peers) peer.received = '';
});

afterEach(() => path.close());

/** As a rule set leaves it: the client believes that it talks to port 443 of the host. */
const redirected = (port: number | undefined): number => {
  if (port === undefined) throw new Error('nothing is redirected');
  return port;
};

describe('plain HTTP that was redirected is addressed to what Host says', () => {
  const ask = (named: string) =>
    exchangeBytes(redirected(path.redirect.http), `GET /x HTTP/1.1\r\nhost: ${named}\r\nconnection: close\r\n\r\n`).then(parseAnswer);

  test('and goes on over TLS with the secret', async () => {
    path.route(routeTo(`https://${host}:${upstream.port}`, { destination: { caPem: ca.caPem } }));
    expect(await ask(`${host}:${upstream.port}`)).toMatchObject({ status: 200, body: 'ok' });
    expect(upstream.received.join('')).toContain(`authorization: Bearer ${secretValue}`);
  });

  test('and is refused without a route, by the typed answer of any request', async () => {
    expect(await ask(host)).toMatchObject({ status: 403, headers: { 'x-leasehold-error': 'no_route' } });
    expect(await ask('169.254.169.254')).toMatchObject({ status: 403, headers: { 'x-leasehold-error': 'address_forbidden' } });
    expect(upstream.received.join('')).toBe('');
  });

  test('and opens no tunnels there', async () => {
    const text = await exchangeBytes(redirected(path.redirect.http), `CONNECT ${host}:443 HTTP/1.1\r\nhost: ${host}:443\r\n\r\n`);
    expect(parseAnswer(text).status).toBe(501);
  });
});

describe('TLS that was redirected is addressed to what SNI says', () => {
  async function secure(servername: string, caPem = path.caPem): Promise<TLSSocket> {
    const tls = connectTls({ port: redirected(path.redirect.tls), host: '127.0.0.1', ca: caPem, servername });
    await once(tls, 'secureConnect');
    return tls;
  }
  /** Routes are to port 443, which is what is redirected; the vendor of the test is elsewhere. */
  const routed = () => path.route(routeTo(`https://${host}`, { destination: { caPem: ca.caPem } }));

  test('its certificate is for that host, and requests are judged with it', async () => {
    routed();
    const tls = await secure(host);
    expect([tls.authorized, tls.getPeerCertificate().subjectaltname]).toEqual([true, `DNS:${host}`]);
    const peer = peerOf(tls);
    peer.write(`GET /x HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`);
    // Nothing listens at port 443 here: it is the dialling that shows where it would have gone.
    expect(parseAnswer((await peer.closed()).received).headers['x-leasehold-error']).toBe('upstream_unreachable');
    expect(path.uses).toMatchObject([{ authority: `https://${host}:443` }]);
  });

  test('INV-8: another Host inside is 421', async () => {
    routed();
    const peer = peerOf(await secure(host));
    peer.write('GET /x HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n');
    expect(parseAnswer((await peer.closed()).received).status).toBe(421);
  });

  test.each([
    ['a host that no credential is bound to', 'other.example'],
    ['no name', ''],
  ])('%s: the handshake is refused by the alert for it, and no certificate is made', async (_, servername) => {
    routed();
    await expect(secure(servername)).rejects.toThrow(/unrecognized name|alert number 112/i);
    expect(path.issued).toEqual([]);
    await expect.poll(() => path.results.length).toBe(1);
  });

  test.each([
    ['plain HTTP', 'GET / HTTP/1.1\r\nhost: api.example.com\r\n\r\n'],
    ['noise', '\x16\x03\x01\xff\xff\xff'],
  ])('%s is closed', async (_, bytes) => {
    routed();
    const agent = await openPeer(redirected(path.redirect.tls));
    agent.write(Buffer.from(bytes, 'latin1'));
    await agent.closed();
    expect(path.issued).toEqual([]);
  });

  test('THREATS 39: a ClientHello that does not come to its end is cut off', async () => {
    await path.close();
    path = await startDataPath({ redirect: { http: undefined, tls: 0 }, proxy: { firstByteTimeoutMs: 100 } });
    const agent = await openPeer(redirected(path.redirect.tls));
    agent.write(Buffer.of(0x16, 3, 1));
    await agent.closed();
  });
});

test('a circle is told, not followed: rules that send our own connections back to us', async () => {
  // The destination is our own listener, as it is for rules that don't leave our user out.
  const port = redirected(path.redirect.http);
  path.route(routeTo(`http://${host}:${port}`));
  const text = await exchangeBytes(port, `GET /x HTTP/1.1\r\nhost: ${host}:${port}\r\nconnection: close\r\n\r\n`);
  const { status, body } = parseAnswer(text);
  expect(status).toBe(403);
  expect(body).toContain('redirect-rules --proxy-uid');
  // The first was forwarded, its copy refused.
  expect(path.results).toEqual(['address_forbidden', 'forwarded']);
});
