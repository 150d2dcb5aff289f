import { once } from 'node:events';
import { type ConnectionOptions, connect } from 'node:tls';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createTestCa, type TestCa } from '../harness/certificates.ts';
import { type DataPath, type DataPathChanges, routeTo, secretValue, startDataPath } from './rig.ts';
import { parseAnswer, plainOk, type ScriptedUpstream, startUpstream } from './sockets.ts';
import { openTunnel, tlsInside } from './tunnels.ts';

const host = 'api.example.com';
let ca: TestCa;
let upstream: ScriptedUpstream;
let path: DataPath;

beforeAll(async () => {
  ca = await createTestCa();
  const { certPem, keyPem } = await ca.issue([host, 'a.wild.example', '127.0.0.1']);
  upstream = await startUpstream(plainOk, { cert: certPem, key: keyPem });
});

afterAll(async () => {
  await upstream.close();
});

beforeEach(async () => {
  await path?.close();
  path = await start();
  for (const peer of upstream.peers) peer.received = '';
});

afterAll(async () => {
  await path.close();
});

async function start(changes?: DataPathChanges): Promise<DataPath> {
  const started = await startDataPath(changes);
  const destination = { caPem: ca.caPem };
  started.route(
    routeTo(`https://${host}:${upstream.port}`, { destination }),
    routeTo(`https://127.0.0.1:${upstream.port}`, { destination, credentialId: 'crd_address', credentialName: 'address' }),
    routeTo(`https://*.wild.example:${upstream.port}`, { destination, credentialId: 'crd_wild', credentialName: 'wild' }),
  );
  return started;
}

const authority = (name = host) => `${name}:${upstream.port}`;
const get = (name = host) => `GET /x HTTP/1.1\r\nhost: ${authority(name)}\r\nconnection: close\r\n\r\n`;

/** A tunnel with TLS inside, as a client does it that trusts our CA and nothing else. */
async function secureTunnel(options: ConnectionOptions = {}, name = host) {
  const tunnel = await openTunnel(path.port, authority(name));
  return tlsInside(tunnel, { ca: path.caPem, ...(name === '127.0.0.1' ? { host: name } : { servername: name }), ...options });
}

describe('TLS inside a tunnel is ended for allowed hosts, and goes on over TLS', () => {
  test('the agent verifies the certificate by our CA, the upstream sees the secret, the agent does not', async () => {
    const { peer, tls } = await secureTunnel();
    expect(tls.authorized).toBe(true);
    expect(['TLSv1.3', tls.alpnProtocol]).toEqual([tls.getProtocol(), false]);
    peer.write(get());
    const { received } = await peer.closed();
    expect(parseAnswer(received)).toMatchObject({ status: 200, body: 'ok' });
    expect(received).not.toContain(secretValue);
    expect(upstream.received.join('')).toContain(`authorization: Bearer ${secretValue}\r\n`);
    expect(path.uses).toMatchObject([{ outcome: 'forwarded', authority: `https://${authority()}`, credentialId: 'crd_api' }]);
    expect(path.issued).toEqual([host]);
  });

  test('a host that is an address has a certificate for that address, without SNI', async () => {
    const { peer, tls } = await secureTunnel({}, '127.0.0.1');
    expect(tls.getPeerCertificate().subjectaltname).toBe('IP Address:127.0.0.1');
    peer.write(get('127.0.0.1'));
    expect(parseAnswer((await peer.closed()).received).status).toBe(200);
  });

  test('the ClientHello may come with the head of the CONNECT', async () => {
    const { connect: connectTcp } = await import('node:net');
    const socket = connectTcp(path.port, '127.0.0.1');
    await once(socket, 'connect');
    // Uncorked once the TLS client has written its first record, so that both leave together.
    socket.cork();
    socket.write(`CONNECT ${authority()} HTTP/1.1\r\nhost: ${authority()}\r\n\r\n`);
    const hello = await clientHello();
    socket.write(hello);
    socket.uncork();
    const [answer] = await once(socket, 'data');
    const rest: Buffer = answer.includes('\r\n\r\n\x16') ? answer : Buffer.concat([answer, (await once(socket, 'data'))[0]]);
    // The type of a handshake record, and its version.
    expect(rest.toString('latin1').startsWith('HTTP/1.1 200 Connection Established\r\n\r\n\x16\x03')).toBe(true);
    socket.destroy();
  });

  test.each([
    ['TLSv1.2', 'TLSv1.2'],
    ['TLSv1.3', 'TLSv1.3'],
  ] as const)('%s resumes with a ticket, in another tunnel to the same host', async (_, version) => {
    const options = { minVersion: version, maxVersion: version };
    const first = await secureTunnel(options);
    expect(first.tls.isSessionReused()).toBe(false);
    first.peer.write(get());
    const second = await secureTunnel({ ...options, session: await first.session });
    expect(second.tls.isSessionReused()).toBe(true);
    second.peer.write(get());
    expect(parseAnswer((await second.peer.closed()).received).status).toBe(200);
  });

  test('TLS before 1.2 is refused', async () => {
    await expect(secureTunnel({ minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' })).rejects.toThrow(
      /alert protocol version/,
    );
  });

  test('ALPN settles on HTTP/1.1, and a client that speaks something else alone is refused', async () => {
    const both = await secureTunnel({ ALPNProtocols: ['spdy/3', 'http/1.1'] });
    expect(both.tls.alpnProtocol).toBe('http/1.1');
    both.tls.destroy();
    await expect(secureTunnel({ ALPNProtocols: ['spdy/3'] })).rejects.toThrow(/no application protocol/i);
  });
});

describe('INV-8, THREATS 4: CONNECT, SNI and Host name the same authority', () => {
  test.each([
    ['another SNI', 'evil.example'],
    ['the SNI of another allowed host', 'a.wild.example'],
  ])('%s gets the certificate of the tunnel, and 421 over it', async (_, servername) => {
    const { peer, tls } = await secureTunnel({ servername, checkServerIdentity: () => undefined });
    expect(tls.getPeerCertificate().subjectaltname).toBe(`DNS:${host}`);
    peer.write(get());
    expect(parseAnswer((await peer.closed()).received)).toMatchObject({
      status: 421,
      headers: { 'x-leasehold-error': 'authority_mismatch' },
    });
    expect(upstream.received.join('')).toBe('');
    expect(path.issued).toEqual([host]);
  });

  test.each(['API.Example.COM', host])('an SNI in another letter case is the same name (%s)', async (servername) => {
    const { peer } = await secureTunnel({ servername, checkServerIdentity: () => undefined });
    peer.write(get());
    expect(parseAnswer((await peer.closed()).received).status).toBe(200);
  });

  test.each([
    ['another Host', '/x', 'evil.example'],
    ['the Host of another allowed host', '/x', () => authority('a.wild.example')],
    ['a Host without the port', '/x', host],
    ['a URL in the clear', () => `http://${authority()}/x`, () => authority()],
  ])('%s is 421', async (_, target, named) => {
    const { peer } = await secureTunnel();
    const text = (value: string | (() => string)) => (typeof value === 'string' ? value : value());
    peer.write(`GET ${text(target)} HTTP/1.1\r\nhost: ${text(named)}\r\nconnection: close\r\n\r\n`);
    expect(parseAnswer((await peer.closed()).received)).toMatchObject({
      status: 421,
      headers: { 'x-leasehold-error': 'authority_mismatch' },
    });
    expect(upstream.received.join('')).toBe('');
  });

  test('a client that sends no SNI is served: the certificate tells it whom it talks to', async () => {
    const { peer, tls } = await secureTunnel({ servername: '', checkServerIdentity: () => undefined });
    expect(tls.getPeerCertificate().subjectaltname).toBe(`DNS:${host}`);
    peer.write(get());
    expect(parseAnswer((await peer.closed()).received).status).toBe(200);
  });
});

describe('THREATS 38: certificates are made for allowed hosts alone, once each, and a bounded number is kept', () => {
  test('ten connections at once to one host cost one certificate', async () => {
    const all = await Promise.all(Array.from({ length: 10 }, () => secureTunnel()));
    for (const { tls } of all) tls.destroy();
    expect(path.issued).toEqual([host]);
  });

  test('a tunnel that is refused, or that holds no TLS, costs none', async () => {
    await expect(openTunnel(path.port, 'other.example:443')).rejects.toThrow();
    const plain = await openTunnel(path.port, authority());
    plain.write('GET / HTTP/1.1\r\n');
    plain.socket.destroy();
    await plain.closed();
    expect(path.issued).toEqual([]);
  });

  test('of the names that a pattern allows, the least used is forgotten', async () => {
    await path.close();
    path = await start({ proxy: { maxLeafHosts: 2 } });
    for (const name of ['a', 'b', 'a', 'c', 'a', 'b']) (await secureTunnel({}, `${name}.wild.example`)).tls.destroy();
    expect(path.issued.map((name) => name[0])).toEqual(['a', 'b', 'c', 'b']);
  });
});

describe('a client that does not take the certificate is counted under its host, and nothing passes it by', () => {
  test.each(['TLSv1.2', 'TLSv1.3'] as const)('one that leaves in silence, as Node does by %s', async (version) => {
    await expect(secureTunnel({ ca: ca.caPem, minVersion: version, maxVersion: version })).rejects.toThrow(/unable to verify|self.signed/i);
    await expect.poll(() => path.rejected).toEqual([`${host} silent`]);
    expect(upstream.received.join('')).toBe('');
  });

  test('one that says so by an alert', async () => {
    const tunnel = await openTunnel(path.port, authority());
    tunnel.socket.removeAllListeners('data');
    // A fatal unknown_ca alert in the clear, right behind the hello, is what the rejected side gets to see.
    tunnel.write(await clientHello());
    await once(tunnel.socket, 'data');
    tunnel.write(Buffer.from([0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x30]));
    await tunnel.closed();
    await expect.poll(() => path.rejected).toEqual([`${host} alert`]);
  });

  test('one that is served is not', async () => {
    const { peer } = await secureTunnel();
    peer.write(get());
    await peer.closed();
    await expect.poll(() => path.kept.size).toBe(0);
    expect(path.rejected).toEqual([]);
  });
});

describe('limits', () => {
  test('THREATS 39: a handshake that does not come to its end is cut off', async () => {
    await path.close();
    path = await start({ proxy: { handshakeTimeoutMs: 100 } });
    const tunnel = await openTunnel(path.port, authority());
    tunnel.write(Buffer.from([0x16, 0x03, 0x01]));
    await tunnel.closed();
    await expect.poll(() => path.kept.size).toBe(0);
  });

  test.each([
    ['no TLS after all', Buffer.from([0x16, 0x03, 0x01, 0x00, 0x05, 1, 2, 3, 4, 5])],
    ['noise', Buffer.concat([Buffer.of(0x16), Buffer.alloc(2_000, 0xff)])],
  ])('%s is closed', async (_, bytes) => {
    const tunnel = await openTunnel(path.port, authority());
    tunnel.write(bytes);
    await tunnel.closed();
    expect(upstream.received.join('')).toBe('');
  });
});

describe('THREATS 23: what is in flight inside a tunnel ends with its lease, on both sides', () => {
  test('a stream is cut, and nobody takes what came for the whole', async () => {
    const slow = await startUpstream((peer) => peer.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n'), {
      ...(await ca.issue([host]).then(({ certPem, keyPem }) => ({ cert: certPem, key: keyPem }))),
    });
    path.route(routeTo(`https://${host}:${slow.port}`, { destination: { caPem: ca.caPem } }));
    const tunnel = await openTunnel(path.port, `${host}:${slow.port}`);
    const { peer } = await tlsInside(tunnel, { ca: path.caPem, servername: host });
    peer.write(`GET /x HTTP/1.1\r\nhost: ${host}:${slow.port}\r\n\r\n`);
    await peer.until(/first/);
    path.leases.revoke();
    const { received } = await peer.closed();
    expect(received).not.toMatch(/0\r\n\r\n$/);
    await (await slow.peer(0)).closed();
    expect(path.uses).toMatchObject([{ outcome: 'lease_revoked', httpStatus: 200 }]);
    await slow.close();
  });

  test('an answer to HTTP/1.0, whose end is the end of the connection, is reset, not closed in order', async () => {
    const slow = await startUpstream((peer) => peer.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n'), {
      ...(await ca.issue([host]).then(({ certPem, keyPem }) => ({ cert: certPem, key: keyPem }))),
    });
    path.route(routeTo(`https://${host}:${slow.port}`, { destination: { caPem: ca.caPem } }));
    const tunnel = await openTunnel(path.port, `${host}:${slow.port}`);
    const { peer, tls } = await tlsInside(tunnel, { ca: path.caPem, servername: host });
    let isOrderly = false;
    tls.on('end', () => {
      isOrderly = true;
    });
    peer.write(`GET /x HTTP/1.0\r\nhost: ${host}:${slow.port}\r\n\r\n`);
    await peer.until(/first/);
    path.leases.revoke();
    await peer.closed();
    expect(isOrderly).toBe(false);
    await slow.close();
  });
});

/** The first bytes that a TLS client sends. */
async function clientHello(): Promise<Buffer> {
  const { Duplex } = await import('node:stream');
  const written = Promise.withResolvers<Buffer>();
  const catcher = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _, done) => {
      written.resolve(chunk);
      done();
    },
  });
  const client = connect({ socket: catcher, servername: host, rejectUnauthorized: false });
  client.on('error', () => undefined);
  const hello = await written.promise;
  client.destroy();
  return hello;
}
