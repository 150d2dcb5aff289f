import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AgentAsk, throughBaseUrl, throughProxy } from '../harness/agent-http.ts';
import { type DevStack, startDevStack } from '../harness/dev-stack.ts';
import { addCredential, eventually, grant } from '../harness/lending.ts';
import { startVendor, type Vendor } from '../harness/vendor.ts';

const values = { bot: '123456:AAE-bot_value', keyed: 'live-keyed/4f9a+= "x"', other: 'live-other-value', alone: 'live-alone-value' };
const kinds: readonly { readonly name: keyof typeof values; readonly flags: readonly string[] }[] = [
  { name: 'bot', flags: ['--path-segment', 'bot{value}', '--placeholder', '99:{random}', '--path', '/sendMessage', '--path', '/file'] },
  { name: 'keyed', flags: ['--replace', 'header,query,path', '--placeholder', 'sk-{random}', '--path', '/v1'] },
  { name: 'other', flags: ['--replace', 'header', '--path', '/v1'] },
];
let stack: DevStack;
let vendor: Vendor;
let elsewhere: Vendor;
const placeholders = new Map<string, string>();
const placeholder = (name: string): string => placeholders.get(name) ?? '';

beforeAll(async () => {
  vendor = await startVendor({ answer: (_, response, { url, rawHeaders }) => response.end(JSON.stringify([url, rawHeaders])) });
  elsewhere = await startVendor();
  stack = await startDevStack();
  for (const { name, flags } of kinds) await addCredential(stack, vendor, { name, value: values[name], injection: flags });
  await addCredential(stack, elsewhere, { name: 'alone', value: values.alone, injection: ['--replace', 'header'] });
  for (const name of Object.keys(values)) {
    placeholders.set(name, JSON.parse(await stack.ok(['credential', 'show', name, '--json'])).placeholder);
    await grant(stack, name);
  }
  await eventually(
    () => throughBaseUrl(stack.proxyPort, '/alone/first'),
    ({ status }) => status === 200,
  );
});

afterAll(async () => {
  await stack?.close();
  await vendor?.close();
  await elsewhere?.close();
});

/** What the vendor saw of one call. */
async function seen(path: string, ask: AgentAsk = {}): Promise<{ url: string; authorization: string | undefined; body: string }> {
  vendor.seen.length = 0;
  const { status, body } = await throughProxy(stack.proxyPort, `${vendor.url.replace('https', 'http')}${path}`, ask);
  expect([status, body]).toEqual([200, expect.any(String)]);
  const [request] = vendor.seen;
  return { url: request?.url ?? '', authorization: request?.headers.authorization, body };
}

describe('a credential as a path segment', () => {
  test.each([
    ['without one of the agent’s own', () => '/sendMessage?x=1', `/bot${values.bot}/sendMessage?x=1`],
    ['in the place of its placeholder', () => `/bot${placeholder('bot')}/sendMessage`, `/bot${values.bot}/sendMessage`],
    ['in the place of any token of the agent’s (INV-9)', () => '/bot1:mine/sendMessage', `/bot${values.bot}/sendMessage`],
    ['further down, where the placeholder stands', () => `/file/bot${placeholder('bot')}/a.png`, `/file/bot${values.bot}/a.png`],
  ])('goes out %s, and does not come back', async (_, path, expected) => {
    const { url, body } = await seen(path());
    expect(url).toBe(expected);
    expect(body).not.toContain(values.bot);
  });

  test('the path is judged without it', async () => {
    const answer = await throughBaseUrl(stack.proxyPort, `/bot/bot${placeholder('bot')}/deleteEverything`);
    expect([answer.status, answer.code]).toEqual([403, 'path_not_allowed']);
  });
});

describe('a credential in the place of its placeholder', () => {
  test('in a header, in basic auth, in the query and in the path', async () => {
    const token = placeholder('keyed');
    expect((await seen('/v1', { headers: { authorization: `Bearer ${token}` } })).authorization).toBe(`Bearer ${values.keyed}`);
    const basic = await seen('/v1', { headers: { authorization: `Basic ${btoa(`me:${token}`)}` } });
    expect(basic.authorization).toBe(`Basic ${btoa(`me:${values.keyed}`)}`);
    expect((await seen(`/v1?key=${token}&q=1`)).url).toBe(`/v1?key=${encodeURIComponent(values.keyed)}&q=1`);
    expect((await seen(`/v1/hooks/${token}`)).url).toBe('/v1/hooks/live-keyed%2F4f9a+=%20%22x%22');
    for (const spelling of [values.keyed, encodeURIComponent(values.keyed), btoa(values.keyed)]) expect(basic.body).not.toContain(spelling);
  });

  test('tells two credentials of one host apart; without one, neither goes out', async () => {
    const by = (name: string) => ({ headers: { authorization: `Bearer ${placeholder(name)}` } });
    expect((await seen('/v1', by('keyed'))).authorization).toBe(`Bearer ${values.keyed}`);
    expect((await seen('/v1', by('other'))).authorization).toBe(`Bearer ${values.other}`);
    vendor.seen.length = 0;
    const answer = await throughProxy(stack.proxyPort, `${vendor.url.replace('https', 'http')}/v1`);
    expect([answer.status, answer.code, vendor.seen]).toEqual([403, 'no_route', []]);
  });

  test('INV-9: a key of the agent’s own is removed, and without the placeholder nothing of ours goes out', async () => {
    vendor.seen.length = 0;
    const answer = await throughBaseUrl(stack.proxyPort, '/keyed/v1', { headers: { authorization: 'Bearer mine', 'x-api-key': 'mine' } });
    expect(answer.status).toBe(200);
    expect(vendor.seen[0]?.headers).not.toHaveProperty('authorization');
    expect(answer.body).not.toContain('mine');
  });

  test('THREATS 2: sent to a host that its credential is not bound to, it is refused, and nothing is forwarded', async () => {
    elsewhere.seen.length = 0;
    const url = `${elsewhere.url.replace('https', 'http')}/store`;
    const headers = { authorization: `Bearer ${placeholder('keyed')}` };
    const answer = await throughProxy(stack.proxyPort, url, { method: 'POST', headers, body: 'x' });
    expect([answer.status, answer.code]).toEqual([403, 'placeholder_misplaced']);
    expect(elsewhere.seen).toEqual([]);
    expect((await throughProxy(stack.proxyPort, url, { headers: { authorization: `Bearer ${placeholder('alone')}` } })).status).toBe(200);
    expect(elsewhere.seen[0]?.headers.authorization).toBe(`Bearer ${values.alone}`);
  });

  test('THREATS 2: in a body nobody asked to look into, it stays as it is', async () => {
    vendor.seen.length = 0;
    const headers = { authorization: `Bearer ${placeholder('keyed')}`, 'content-type': 'application/json' };
    const body = JSON.stringify({ note: placeholder('keyed') });
    await throughBaseUrl(stack.proxyPort, '/keyed/v1', { method: 'POST', headers, body });
    expect(vendor.seen[0]?.body.toString()).toBe(body);
  });

  test('without the grant it is worth nothing', async () => {
    await stack.ok(['grant', 'revoke', '--agent', 'dev', '--credential', 'alone', '--yes', '--wait']);
    elsewhere.seen.length = 0;
    const headers = { authorization: `Bearer ${placeholder('alone')}` };
    const answer = await throughBaseUrl(stack.proxyPort, '/alone/x', { headers });
    expect([answer.status, answer.code, elsewhere.seen]).toEqual([403, 'no_grant', []]);
  });
});
