import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type DataPath, routeTo, secretValue, startDataPath } from './rig.ts';
import { exchangeBytes, openPeer, parseAnswer, plainOk, type ScriptedUpstream, startUpstream } from './sockets.ts';
import { openTunnel } from './tunnels.ts';

let upstream: ScriptedUpstream;
let path: DataPath;

beforeAll(async () => {
  upstream = await startUpstream(plainOk);
  path = await startDataPath();
});

afterAll(async () => {
  await path.close();
  await upstream.close();
});

beforeEach(() => {
  path.route(routeTo(`http://localhost:${upstream.port}`));
  for (const peer of upstream.peers) peer.received = '';
  path.uses.length = 0;
  path.results.length = 0;
});

const api = () => `localhost:${upstream.port}`;
const get = () => `GET /x HTTP/1.1\r\nhost: ${api()}\r\nconnection: close\r\n\r\n`;

async function refused(text: string): Promise<{ status: number; code: string | undefined; message: string }> {
  const { status, headers, body } = parseAnswer(await exchangeBytes(path.port, text));
  const { error } = JSON.parse(body);
  expect(error.code).toBe(headers['x-leasehold-error']);
  expect(upstream.received.join('')).toBe('');
  expect(path.issued).toEqual([]);
  return { status, code: error.code, message: error.message };
}

describe('CONNECT opens a tunnel to what a credential is bound to', () => {
  test.each([
    ['HTTP/1.1', () => `CONNECT ${api()} HTTP/1.1\r\nhost: ${api()}\r\n\r\n`],
    ['HTTP/1.0 without a Host', () => `CONNECT ${api()} HTTP/1.0\r\n\r\n`],
    ['a Host without the port', () => `CONNECT ${api()} HTTP/1.1\r\nhost: localhost\r\n\r\n`],
    ['another letter case and a final dot', () => `CONNECT LocalHost.:${upstream.port} HTTP/1.1\r\nhost: ${api()}\r\n\r\n`],
    ['headers for the proxy', () => `CONNECT ${api()} HTTP/1.1\r\nhost: ${api()}\r\nproxy-connection: keep-alive\r\nuser-agent: x\r\n\r\n`],
  ])('%s: plain HTTP inside goes out with the secret', async (_, connect) => {
    const agent = await openPeer(path.port);
    agent.write(connect());
    expect(await agent.until(/\r\n\r\n/)).toBe('HTTP/1.1 200 Connection Established\r\n\r\n');
    agent.write(get());
    const { received } = await agent.closed();
    expect(received).toMatch(/HTTP\/1\.1 200 OK[\s\S]*ok$/);
    expect(received).not.toContain(secretValue);
    expect(upstream.received.join('')).toContain(`authorization: Bearer ${secretValue}\r\n`);
  });

  test('bytes that come with its head are kept, also one by one', async () => {
    const head = `CONNECT ${api()} HTTP/1.1\r\nhost: ${api()}\r\n\r\n`;
    expect(await exchangeBytes(path.port, head + get())).toMatch(/ok$/);
    const slow = await openPeer(path.port);
    slow.write(`${head}G`);
    await slow.until(/Established/);
    slow.write(get().slice(1));
    expect((await slow.closed()).received).toMatch(/ok$/);
    expect(upstream.received.join('').match(new RegExp(`Bearer ${secretValue.replaceAll('+', '\\+')}`, 'g'))).toHaveLength(2);
  });

  test('a tunnel to port 80, as Node 22 opens it for http:// URLs, goes on over TLS or not at all', async () => {
    path.route(routeTo('https://localhost'));
    const tunnel = await openTunnel(path.port, 'localhost:80');
    tunnel.write('GET /x HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n');
    expect(parseAnswer((await tunnel.closed()).received).headers['x-leasehold-error']).toBe('upstream_unreachable');
    expect(path.uses.map(({ authority }) => authority)).toEqual(['https://localhost:443']);
  });

  test('several requests in one tunnel are judged one by one', async () => {
    path.route(routeTo(`http://localhost:${upstream.port}`, { limits: { methods: ['GET'], pathPrefixes: [], ratePerMinute: undefined } }));
    const tunnel = await openTunnel(path.port, api());
    tunnel.write(`GET /x HTTP/1.1\r\nhost: ${api()}\r\n\r\n`);
    await tunnel.until(/ok$/);
    tunnel.write(`DELETE /x HTTP/1.1\r\nhost: ${api()}\r\n\r\n`);
    await tunnel.until(/method_not_allowed/);
    path.route();
    tunnel.write(get());
    expect((await tunnel.closed()).received).toContain('no_route');
    expect(path.uses.map(({ outcome }) => outcome)).toEqual(['forwarded', 'method_not_allowed', 'no_route']);
  });
});

describe('without a route nothing is opened, and the answer is the typed one of any request', () => {
  test.each([
    ['a host that no credential is bound to', 'other.example:443', 'no_route'],
    ['THREATS 12: another port of a bound host', 'localhost:22', 'no_route'],
    ['THREATS 5: a longer name', 'localhost.evil.example:443', 'no_route'],
    ['a metadata service by address', '169.254.169.254:80', 'address_forbidden'],
    ['a metadata service by name, as Google’s SDKs spell it', 'metadata.google.internal.:80', 'address_forbidden'],
  ])('%s', async (_, target, code) => {
    expect(await refused(`CONNECT ${target} HTTP/1.1\r\nhost: ${target}\r\n\r\n`)).toMatchObject({ status: 403, code });
    expect(path.results).toEqual([code]);
    expect(path.uses).toMatchObject([{ method: 'CONNECT', outcome: code, httpStatus: 403, credentialId: '', leaseId: '' }]);
  });

  test('the verdict does not wait for what comes after, nor look at it', async () => {
    expect(await refused(`CONNECT other.example:443 HTTP/1.1\r\nhost: other.example:443\r\n\r\n${get()}`)).toMatchObject({ status: 403 });
  });

  test.each(['127.0.0.1', 'localhost', '[::1]'])(
    'THREATS 12: a tunnel to ourselves (%s) is refused, and says what to set',
    async (name) => {
      const own = `${name}:${path.port}`;
      expect(await refused(`CONNECT ${own} HTTP/1.1\r\nhost: ${own}\r\n\r\n`)).toMatchObject({
        status: 403,
        code: 'address_forbidden',
        message: expect.stringContaining('NO_PROXY=127.0.0.1,localhost,::1'),
      });
    },
  );

  test('before the broker has told the routes, it is out of step', async () => {
    const early = await startDataPath({ service: { routes: { current: () => undefined } } });
    const text = await exchangeBytes(early.port, `CONNECT ${api()} HTTP/1.1\r\nhost: ${api()}\r\n\r\n`);
    expect(parseAnswer(text)).toMatchObject({ status: 503, headers: { 'x-leasehold-error': 'out_of_step', 'retry-after': '1' } });
    await early.close();
  });
});

describe('THREATS 4, 7 and 10: a CONNECT that could be read in two ways is refused', () => {
  test.each([
    ['another Host', () => `CONNECT ${api()} HTTP/1.1\r\nhost: evil.example\r\n\r\n`, 421],
    ['another port in Host', () => `CONNECT ${api()} HTTP/1.1\r\nhost: localhost:1\r\n\r\n`, 421],
    ['no Host', () => `CONNECT ${api()} HTTP/1.1\r\n\r\n`, 400],
    ['two Hosts', () => `CONNECT ${api()} HTTP/1.1\r\nhost: ${api()}\r\nhost: ${api()}\r\n\r\n`, 400],
    ['no port', () => `CONNECT localhost HTTP/1.1\r\nhost: localhost\r\n\r\n`, 400],
    ['a port of letters', () => `CONNECT localhost:8o80 HTTP/1.1\r\nhost: localhost:8o80\r\n\r\n`, 400],
    ['port 0', () => `CONNECT localhost:0 HTTP/1.1\r\nhost: localhost:0\r\n\r\n`, 400],
    ['userinfo', () => `CONNECT user@${api()} HTTP/1.1\r\nhost: ${api()}\r\n\r\n`, 400],
    ['a URL', () => `CONNECT http://${api()} HTTP/1.1\r\nhost: ${api()}\r\n\r\n`, 400],
    ['a path', () => `CONNECT /api HTTP/1.1\r\nhost: ${api()}\r\n\r\n`, 400],
    ['a length', () => `CONNECT ${api()} HTTP/1.1\r\nhost: ${api()}\r\ncontent-length: 5\r\n\r\nhello`, 400],
    ['chunks', () => `CONNECT ${api()} HTTP/1.1\r\nhost: ${api()}\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
    ['a NUL in the target', () => `CONNECT local\0host:443 HTTP/1.1\r\nhost: ${api()}\r\n\r\n`, 400],
  ])('%s', async (_, request, status) => {
    expect((await refused(request())).status).toBe(status);
  });

  test('a CONNECT inside a tunnel is refused', async () => {
    const tunnel = await openTunnel(path.port, api());
    tunnel.write(`CONNECT ${api()} HTTP/1.1\r\nhost: ${api()}\r\n\r\n`);
    expect(parseAnswer((await tunnel.closed()).received)).toMatchObject({ status: 501 });
  });

  test.each([
    ['another Host', '/x', 'evil.example', 421],
    ['the Host of another port', '/x', 'localhost:1', 421],
    ['a URL of another host', 'http://evil.example/x', 'evil.example', 421],
    ['a base URL', '/api/x', `127.0.0.1`, 421],
  ])('INV-8: inside a tunnel a request for %s is refused', async (_, target, host, status) => {
    const tunnel = await openTunnel(path.port, api());
    tunnel.write(`GET ${target} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`);
    expect(parseAnswer((await tunnel.closed()).received).status).toBe(status);
    expect(upstream.received.join('')).toBe('');
  });

  test('a CONNECT behind a request that is not answered yet puts nothing into that answer', async () => {
    const slow = await startUpstream(() => undefined);
    path.route(routeTo(`http://localhost:${slow.port}`));
    const agent = await openPeer(path.port);
    agent.write(`GET /api/x HTTP/1.1\r\nhost: 127.0.0.1:${path.port}\r\n\r\n`);
    await slow.peer(0);
    agent.write(`CONNECT localhost:${slow.port} HTTP/1.1\r\nhost: localhost:${slow.port}\r\n\r\n`);
    expect((await agent.closed()).received).toBe('');
    await slow.close();
  });

  test('a CONNECT behind one that is answered is served', async () => {
    const agent = await openPeer(path.port);
    agent.write(`GET /api/x HTTP/1.1\r\nhost: 127.0.0.1:${path.port}\r\n\r\n`);
    await agent.until(/ok$/);
    agent.write(`CONNECT ${api()} HTTP/1.1\r\nhost: ${api()}\r\n\r\n`);
    await agent.until(/Established\r\n\r\n$/);
    agent.write(get());
    expect((await agent.closed()).received).toMatch(/Established\r\n\r\nHTTP\/1\.1 200 OK[\s\S]*ok$/);
  });
});

describe('what a tunnel may hold of us is bounded', () => {
  test('THREATS 39: an agent that opens a tunnel and says nothing is cut off', async () => {
    const quick = await startDataPath({ proxy: { firstByteTimeoutMs: 100 } });
    quick.route(routeTo(`http://localhost:${upstream.port}`));
    const tunnel = await openTunnel(quick.port, api());
    expect((await tunnel.closed()).received).toBe('');
    await quick.close();
  });

  test('THREATS 39: inside a tunnel the head of a request has its time limit too', async () => {
    const quick = await startDataPath({ proxy: { headTimeoutMs: 200 } });
    quick.route(routeTo(`http://localhost:${upstream.port}`));
    const tunnel = await openTunnel(quick.port, api());
    tunnel.write('GET /x HTTP/1.1\r\nhost: ');
    expect(parseAnswer((await tunnel.closed()).received).headers['x-leasehold-error']).toBe('bad_request');
    await quick.close();
  });

  test('an agent that leaves without a word leaves nothing behind', async () => {
    const tunnel = await openTunnel(path.port, api());
    tunnel.socket.end();
    await tunnel.closed();
    expect(path.kept.size).toBe(0);
  });

  test('as many tunnels as an agent may have, and no more', async () => {
    const few = await startDataPath({ maxKept: 1 });
    few.route(routeTo(`http://localhost:${upstream.port}`));
    const first = await openTunnel(few.port, api());
    const text = await exchangeBytes(few.port, `CONNECT ${api()} HTTP/1.1\r\nhost: ${api()}\r\n\r\n`);
    expect(parseAnswer(text)).toMatchObject({ status: 503, headers: { 'x-leasehold-error': 'overloaded' } });
    first.socket.destroy();
    await first.closed();
    await expect.poll(() => few.kept.size).toBe(0);
    (await openTunnel(few.port, api())).socket.destroy();
    await few.close();
  });

  test('all tunnels are cut when the agent is served no longer', async () => {
    const ending = await startDataPath();
    ending.route(routeTo(`http://localhost:${upstream.port}`));
    const tunnel = await openTunnel(ending.port, api());
    ending.kept.close();
    await tunnel.closed();
    await ending.close();
  });
});
