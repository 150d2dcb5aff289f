import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { throughBaseUrl, throughProxy } from '../harness/agent-http.ts';
import { type DevStack, startDevStack } from '../harness/dev-stack.ts';
import { addCredential, eventually, grant } from '../harness/lending.ts';
import { startVendor, type Vendor } from '../harness/vendor.ts';

const value = 'sk-lending-0123456789/abc+def=';
let stack: DevStack;
let vendor: Vendor;

beforeAll(async () => {
  vendor = await startVendor({
    answer: (request, response, seen) => {
      if (request.url === '/redirect') return response.writeHead(302, { location: `https://elsewhere.example/?token=${value}` }).end();
      const authorization = seen.headers.authorization ?? '';
      response.writeHead(200, { 'content-type': 'text/plain', 'x-echo': authorization });
      response.end(`${authorization}|${Buffer.from(value).toString('base64')}|${encodeURIComponent(value)}`);
    },
  });
  stack = await startDevStack();
  await addCredential(stack, vendor, { name: 'granted', value, extra: ['--path', '/'] });
  await addCredential(
    stack,
    { ...vendor, url: vendor.url.replace('localhost', '127.0.0.1') },
    { name: 'ungranted', value: 'sk-never-lent-000000' },
  );
  await grant(stack, 'granted', '--ttl', '5m');
  await eventually(
    () => throughBaseUrl(stack.proxyPort, '/granted/first'),
    ({ status }) => status === 200,
  );
});

afterAll(async () => {
  await stack?.close();
  await vendor?.close();
});

describe('INV-1: no grant, no secret', () => {
  test('with the grant the vendor sees the secret, by base URL and by http_proxy', async () => {
    vendor.seen.length = 0;
    expect((await throughBaseUrl(stack.proxyPort, '/granted/a?b=1')).status).toBe(200);
    expect((await throughProxy(stack.proxyPort, `${vendor.url.replace('https', 'http')}/c`)).status).toBe(200);
    expect(vendor.seen.map(({ url, headers }) => [url, headers.authorization])).toEqual([
      ['/a?b=1', `Bearer ${value}`],
      ['/c', `Bearer ${value}`],
    ]);
  });

  test('without the grant the answer is 403 with a reason, and nothing is forwarded', async () => {
    vendor.seen.length = 0;
    const byName = await throughBaseUrl(stack.proxyPort, '/ungranted/a');
    const byHost = await throughProxy(stack.proxyPort, `http://127.0.0.1:${vendor.port}/a`);
    expect([byName.status, byName.code]).toEqual([403, 'no_grant']);
    expect(byHost.status).toBe(403);
    expect(JSON.parse(byName.body)).toMatchObject({
      error: { code: 'no_grant', message: expect.any(String), request_id: expect.any(String) },
    });
    expect(vendor.seen).toEqual([]);
  });

  test('a credential that exists without a grant and one that does not exist get the same answer', async () => {
    const texts = await Promise.all(['/ungranted/a', '/nonsense/a'].map((path) => throughBaseUrl(stack.proxyPort, path)));
    const [ungranted, missing] = texts.map(({ status, body }) => [
      status,
      JSON.parse(body).error.code,
      JSON.parse(body).error.message.replace(/ungranted|nonsense/g, 'X'),
    ]);
    expect(ungranted).toEqual(missing);
  });

  test('a host that no credential is bound to is refused', async () => {
    const answer = await throughProxy(stack.proxyPort, 'http://unknown.example/');
    expect([answer.status, answer.code]).toEqual([403, 'no_route']);
  });
});

describe('INV-9: what the agent itself sends in credential-bearing headers is removed first', () => {
  test('duplicates, odd letter case and nominations by Connection leave exactly one value: ours', async () => {
    vendor.seen.length = 0;
    await throughBaseUrl(stack.proxyPort, '/granted/strip', {
      headers: {
        AuthoRization: ['Bearer mine', 'Basic also'],
        'X-Api-Key': 'mine',
        'proxy-authorization': 'Basic eA==',
        connection: 'authorization, keep-alive',
      },
    });
    const [seen] = vendor.seen;
    const names = seen?.rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase()) ?? [];
    expect(names.filter((name) => name === 'authorization')).toHaveLength(1);
    expect(seen?.headers.authorization).toBe(`Bearer ${value}`);
    expect(names).not.toContain('x-api-key');
    expect(names).not.toContain('proxy-authorization');
  });
});

describe('INV-10: the secret does not come back', () => {
  test('echoed raw, as base64 and URL-encoded, in header and body, it is scrubbed', async () => {
    const answer = await throughBaseUrl(stack.proxyPort, '/granted/echo');
    expect(answer.status).toBe(200);
    const all = JSON.stringify(answer.headers) + answer.body;
    for (const form of [value, Buffer.from(value).toString('base64'), encodeURIComponent(value)]) expect(all).not.toContain(form);
    expect(answer.body).toContain('Bearer ***');
    expect(String(answer.headers['x-echo'])).toMatch(/^Bearer \*+$/);
  });
});

describe('INV-8: redirects are handed back, never followed', () => {
  test('the agent gets the redirect itself, with the secret scrubbed from Location', async () => {
    const answer = await throughBaseUrl(stack.proxyPort, '/granted/redirect');
    expect(answer.status).toBe(302);
    expect(answer.headers.location).toMatch(/^https:\/\/elsewhere\.example\/\?token=\*+$/);
  });

  test('a Host header that disagrees with the URL is 421, and nothing is forwarded', async () => {
    vendor.seen.length = 0;
    const answer = await throughProxy(stack.proxyPort, `${vendor.url.replace('https', 'http')}/x`, { headers: { host: 'other.example' } });
    expect([answer.status, answer.code]).toEqual([421, 'authority_mismatch']);
    expect(vendor.seen).toEqual([]);
  });
});

describe('INV-11: no standard API returns a value', () => {
  test('what the command line shows of a credential holds everything but the value', async () => {
    const shown = await stack.ok(['credential', 'show', 'granted', '--json']);
    const listed = await stack.ok(['credential', 'list', '--json']);
    expect(JSON.parse(shown)).toMatchObject({ name: 'granted', status: 'active', version: 1 });
    for (const text of [shown, listed]) {
      expect(text).not.toContain(value);
      expect(text).not.toContain(Buffer.from(value).toString('base64'));
    }
  });
});
