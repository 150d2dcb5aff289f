import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type DataPath, routeTo, secretValue, startDataPath } from './rig.ts';
import { exchangeBytes, openPeer, parseAnswer, plainOk, type ScriptedUpstream, startUpstream } from './sockets.ts';

let upstream: ScriptedUpstream;
let path: DataPath;

beforeAll(async () => {
  upstream = await startUpstream(plainOk);
  path = await startDataPath();
  path.route(routeTo(`http://localhost:${upstream.port}`));
});

afterAll(async () => {
  await path.close();
  await upstream.close();
});

beforeEach(() => {
  for (const peer of upstream.peers) peer.received = '';
  path.uses.length = 0;
  path.results.length = 0;
});

const own = () => `127.0.0.1:${path.port}`;
const api = () => `localhost:${upstream.port}`;

async function refused(text: string): Promise<{ status: number; code: string | undefined }> {
  const { status, headers, body } = parseAnswer(await exchangeBytes(path.port, text));
  expect(JSON.parse(body)).toMatchObject({
    error: { code: headers['x-leasehold-error'], message: expect.stringMatching(/.{20,}/), request_id: expect.stringMatching(/.{8,}/) },
  });
  expect(upstream.received.join('')).toBe('');
  return { status, code: headers['x-leasehold-error'] };
}

describe('THREATS 7: a request that two parsers could read in two ways is refused, and its connection closed', () => {
  const head = (extra: string) => `POST /api/x HTTP/1.1\r\nhost: ${own()}\r\n${extra}`;
  test.each([
    ['Content-Length with Transfer-Encoding', 'content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['Transfer-Encoding with Content-Length', 'transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n'],
    ['two Content-Lengths', 'content-length: 5\r\ncontent-length: 6\r\n\r\nhello'],
    ['two equal Content-Lengths', 'content-length: 5\r\ncontent-length: 5\r\n\r\nhello'],
    ['a list of Content-Lengths', 'content-length: 5, 5\r\n\r\nhello'],
    ['a signed Content-Length', 'content-length: +5\r\n\r\nhello'],
    ['chunked that is not the last coding', 'transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n'],
    ['a chunk size that is no hex', 'transfer-encoding: chunked\r\n\r\nzz\r\n\r\n'],
    ['a folded header', 'x-a: 1\r\n  folded\r\n\r\n'],
    ['a space before the colon', 'x-a : 1\r\n\r\n'],
    ['a header without a name', ': 1\r\n\r\n'],
    ['a NUL in a header', 'x-a: a\0b\r\n\r\n'],
    ['a bare CR in a header', 'x-a: a\rb\r\n\r\n'],
    ['bare line feeds', 'x-a: a\n\n'],
  ])('%s', async (_, rest) => {
    expect(await refused(head(rest))).toEqual({ status: 400, code: 'bad_request' });
  });

  test.each(['gzip, chunked', 'chunked, chunked', 'identity'])('Transfer-Encoding: %s is not served', async (coding) => {
    const { status } = await refused(head(`transfer-encoding: ${coding}\r\nconnection: close\r\n\r\n0\r\n\r\n`));
    expect([400, 501]).toContain(status);
  });

  test('an HTTP/2 preface is refused', async () => {
    const text = await exchangeBytes(path.port, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    expect(text === '' || parseAnswer(text).status === 400).toBe(true);
    expect(upstream.received.join('')).toBe('');
  });

  test('what the agent sends is rebuilt from what was parsed: no byte of its own framing goes on', async () => {
    const body = 'abc';
    const text = await exchangeBytes(
      path.port,
      `POST /api/x HTTP/1.1\r\nHoSt: ${own()}\r\nX-Odd:   spaced   \r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3;ext=1\r\n${body}\r\n0\r\nX-Trailer: Authorization\r\n\r\n`,
    );
    expect(parseAnswer(text).status).toBe(200);
    const [seen = ''] = upstream.received.filter((each) => each !== '');
    expect(seen).toContain('X-Odd: spaced\r\n');
    expect(seen).not.toMatch(/ext=1|x-trailer/i);
    expect(seen.endsWith('\r\n\r\n3\r\nabc\r\n0\r\n\r\n')).toBe(true);
  });

  test('a parse error behind an answer in progress puts nothing into that answer', async () => {
    const slow = await startUpstream((peer) => peer.write('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345'));
    path.route(routeTo(`http://localhost:${slow.port}`));
    const agent = await openPeer(path.port);
    agent.write(`GET /api/x HTTP/1.1\r\nhost: ${own()}\r\n\r\n`);
    await agent.until(/12345/);
    agent.write('this is no request\r\n\r\n');
    const { received } = await agent.closed();
    expect(parseAnswer(received).body).toBe('12345');
    await slow.close();
    path.route(routeTo(`http://localhost:${upstream.port}`));
  });
});

describe('limits of a head', () => {
  const request = (headers: number) =>
    `GET /api/x HTTP/1.1\r\nhost: ${own()}\r\nconnection: close\r\n${'x-a: 1\r\n'.repeat(headers - 2)}\r\n`;

  test('100 headers go, 101 are refused and none is dropped in silence', async () => {
    expect(parseAnswer(await exchangeBytes(path.port, request(100))).status).toBe(200);
    const [seen = ''] = upstream.received.filter((each) => each !== '');
    expect(seen.match(/x-a: 1/g)).toHaveLength(98);
    for (const peer of upstream.peers) peer.received = '';
    expect(await refused(request(101))).toEqual({ status: 431, code: 'headers_too_large' });
    expect(await refused(request(1_200))).toEqual({ status: 431, code: 'headers_too_large' });
  });

  test('a head of more than 32 KiB is refused', async () => {
    expect(await refused(`GET /api/x HTTP/1.1\r\nhost: ${own()}\r\nx-a: ${'a'.repeat(33_000)}\r\n\r\n`)).toEqual({
      status: 431,
      code: 'headers_too_large',
    });
  });
});

describe('THREATS 6: a path that servers read in different ways is refused before any policy', () => {
  test.each(['/a/../b', '/a/%2e%2e/b', '/a/.%2E/b', '/a//b', '/a;p=1/b', '/a%2fb', '/a%5cb', '/a%00b', '/a\\b', '/a%zz', '/a%252e%252e'])(
    '%s, on both ways in',
    async (odd) => {
      const close = 'connection: close\r\n\r\n';
      expect((await refused(`GET /api${odd} HTTP/1.1\r\nhost: ${own()}\r\n${close}`)).status).toBe(400);
      expect((await refused(`GET http://${api()}${odd} HTTP/1.1\r\nhost: ${api()}\r\n${close}`)).status).toBe(400);
    },
  );

  test('what policy saw is what is forwarded, byte by byte', async () => {
    const odd = "/a%20b/~x'(1)!$,=:@?q=a+b&c=%2F;d";
    await exchangeBytes(path.port, `GET /api${odd} HTTP/1.1\r\nhost: ${own()}\r\nconnection: close\r\n\r\n`);
    expect(upstream.received.join('')).toContain(`GET ${odd} HTTP/1.1\r\n`);
  });
});

describe('THREATS 4 and 16: one authority, on which everything that names it agrees', () => {
  const absolute = (target: string, host: string) => `GET ${target} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`;

  test.each([
    ['another host', 'evil.example'],
    ['another port', 'localhost:1'],
    ['a longer name', 'localhost.evil.example'],
  ])('absolute-form with a Host of %s is 421', async (_, host) => {
    expect(await refused(absolute(`http://${api()}/x`, host))).toEqual({ status: 421, code: 'authority_mismatch' });
  });

  test.each(['user@', 'user:password@', 'evil.example@'])('userinfo (%s) is refused', async (userinfo) => {
    expect((await refused(absolute(`http://${userinfo}${api()}/x`, api()))).status).toBe(400);
  });

  test('letter case and a final dot name the same authority, and the canonical one goes out', async () => {
    const text = await exchangeBytes(path.port, absolute(`HTTP://LOCALHOST.:${upstream.port}/x`, `LocalHost:${upstream.port}`));
    expect(parseAnswer(text).status).toBe(200);
    expect(upstream.received.join('')).toContain(`host: ${api()}\r\n`);
  });

  test.each([
    ['a foreign name that resolves to loopback', () => `evil.example:${path.port}`],
    ['another port', () => '127.0.0.1:1'],
    ['no port', () => '127.0.0.1'],
    ['the name of the destination', api],
  ])('the base URL with a Host of %s is 421', async (_, host) => {
    expect(await refused(`GET /api/x HTTP/1.1\r\nhost: ${host()}\r\nconnection: close\r\n\r\n`)).toEqual({
      status: 421,
      code: 'authority_mismatch',
    });
  });

  test.each(['127.0.0.1', 'localhost', '[::1]'])('the base URL as %s is served', async (name) => {
    const text = await exchangeBytes(path.port, `GET /api/x HTTP/1.1\r\nhost: ${name}:${path.port}\r\nconnection: close\r\n\r\n`);
    expect(parseAnswer(text).status).toBe(200);
  });

  test.each([
    ['a form that a page of another site posts', () => 'sec-fetch-site: cross-site\r\norigin: https://evil.example\r\n'],
    ['a page of another port', () => 'sec-fetch-site: same-site\r\norigin: http://127.0.0.1:3000\r\n'],
    ['a frame without an origin', () => 'origin: null\r\n'],
    ['a browser that sends Origin alone', () => 'Origin: https://evil.example\r\n'],
    ['an image, for which browsers send no Origin', () => 'Sec-Fetch-Site: cross-site\r\n'],
    ['our address with another scheme', () => `origin: ftp://${own()}\r\n`],
  ])('the base URL called by %s is 403', async (_, headers) => {
    expect(await refused(`POST /api/x HTTP/1.1\r\nhost: ${own()}\r\n${headers()}content-length: 0\r\nconnection: close\r\n\r\n`)).toEqual({
      status: 403,
      code: 'forbidden',
    });
  });

  test.each([
    ['an address that somebody typed', () => 'sec-fetch-site: none\r\n'],
    ['a page that came by it', () => `sec-fetch-site: same-origin\r\norigin: http://${own()}\r\n`],
    ['a client that names what it calls', () => `origin: http://localhost:${path.port}\r\n`],
    ["Node's fetch", () => 'sec-fetch-mode: cors\r\n'],
  ])('the base URL called by %s is served', async (_, headers) => {
    const text = await exchangeBytes(path.port, `GET /api/x HTTP/1.1\r\nhost: ${own()}\r\n${headers()}connection: close\r\n\r\n`);
    expect(parseAnswer(text).status).toBe(200);
  });

  test('a proxied request says for itself where its page comes from: the vendor judges that', async () => {
    const text = await exchangeBytes(
      path.port,
      `GET http://${api()}/x HTTP/1.1\r\nhost: ${api()}\r\norigin: https://app.example\r\nsec-fetch-site: cross-site\r\nconnection: close\r\n\r\n`,
    );
    expect(parseAnswer(text).status).toBe(200);
  });

  test('no Host, and two of them, are refused', async () => {
    expect((await refused(`GET /api/x HTTP/1.1\r\nconnection: close\r\n\r\n`)).status).toBe(400);
    expect((await refused(`GET /api/x HTTP/1.1\r\nhost: ${own()}\r\nhost: ${own()}\r\nconnection: close\r\n\r\n`)).status).toBe(400);
  });
});

describe('THREATS 10: ways in that are not served are refused by name', () => {
  test('an upgrade to HTTP/2 in the clear is served without it, and not forwarded', async () => {
    const text = await exchangeBytes(
      path.port,
      `GET /api/x HTTP/1.1\r\nhost: ${own()}\r\nconnection: upgrade, http2-settings, close\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n\r\n`,
    );
    expect(parseAnswer(text).status).toBe(200);
    expect(upstream.received.join('')).not.toMatch(/upgrade|http2/i);
  });

  test.each([
    ['an Expect that nobody knows', () => `POST /api/x HTTP/1.1\r\nhost: ${own()}\r\nexpect: 200-ok\r\ncontent-length: 1\r\n\r\n`, 400],
    ['OPTIONS *', () => `OPTIONS * HTTP/1.1\r\nhost: ${own()}\r\nconnection: close\r\n\r\n`, 400],
    ['another scheme', () => `GET ftp://${api()}/x HTTP/1.1\r\nhost: ${api()}\r\nconnection: close\r\n\r\n`, 400],
    ['TRACE', () => `TRACE /api/x HTTP/1.1\r\nhost: ${own()}\r\nconnection: close\r\n\r\n`, 403],
  ])('%s is refused', async (_, request, status) => {
    expect((await refused(request())).status).toBe(status);
  });
});

describe('THREATS 9: what the agent sends in a credential-bearing header is removed first', () => {
  test('twice, in odd case, nominated by Connection and in trailers: exactly one value goes out, ours', async () => {
    await exchangeBytes(
      path.port,
      `POST /api/x HTTP/1.1\r\nhost: ${own()}\r\nAuThOrIzAtIoN: Bearer mine\r\nauthorization: Basic also\r\nX_Api_Key: mine\r\nproxy-authorization: Basic eA==\r\nconnection: authorization, close\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nauthorization: Bearer trailing\r\n\r\n`,
    );
    const seen = upstream.received.join('');
    expect(seen.match(/authorization/gi)).toHaveLength(1);
    expect(seen).toContain(`authorization: Bearer ${secretValue}\r\n`);
    expect(seen).not.toMatch(/mine|also|trailing|eA==/);
  });
});

test('THREATS 39: an agent that is slow with its head is cut off with a typed answer', async () => {
  const quick = await startDataPath({ proxy: { headTimeoutMs: 200 } });
  const text = await exchangeBytes(quick.port, `GET /api/x HTTP/1.1\r\nhost: `);
  expect(parseAnswer(text).headers['x-leasehold-error']).toBe('bad_request');
  await quick.close();
});
