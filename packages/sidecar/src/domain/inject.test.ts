import type { Injection } from '@leasehold/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Injected, inject, prepareInjection } from './inject.ts';

const value = 'sk-live-4f9a/+= "x"';
const bearer: Injection = { kind: 'header', name: 'Authorization', template: 'Bearer {value}' };
const apiKey: Injection = { kind: 'header', name: 'X-Api-Key', template: '{value}' };
const basic: Injection = { kind: 'basic', username: 'svc' };
const query: Injection = { kind: 'query', name: 'api_key' };

function sent(injection: Injection, headers: readonly string[], path = '/v1'): Injected {
  return inject(headers, path, prepareInjection({ injection, placeholder: undefined }, value, btoa), 'api.x.com');
}

function headersOf({ headers }: Injected): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index]?.toLowerCase() ?? '';
    found[name] = [...(found[name] ?? []), headers[index + 1] ?? ''];
  }
  return found;
}

describe('ours is the one value that goes out', () => {
  test.each([
    [bearer, 'authorization', `Bearer ${value}`],
    [apiKey, 'x-api-key', value],
    [basic, 'authorization', `Basic ${btoa(`svc:${value}`)}`],
    [{ kind: 'basic', username: '{value}:X' }, 'authorization', `Basic ${btoa(`${value}:X`)}`],
  ] as const)('by $kind', (injection, name, expected) => {
    const agents = [
      'Authorization',
      'Bearer a',
      'AUTHORIZATION',
      'Basic b',
      'x-api-key',
      'c',
      'X-API-KEY',
      'd',
      'X_Api_Key',
      'e',
      'aUTHORIZATION',
      'f',
    ];
    const found = headersOf(sent(injection, [...agents, 'accept', 'application/json', ...agents]));
    expect(found).toEqual({ host: ['api.x.com'], 'accept-encoding': ['identity'], accept: ['application/json'], [name]: [expected] });
  });

  test('by query parameter, with the credential headers gone too', () => {
    const injected = sent(query, ['Authorization', 'Bearer a', 'X-Goog-Api-Key', 'b'], '/v1?q=1');
    expect(injected.path).toBe(`/v1?q=1&api_key=${encodeURIComponent(value)}`);
    expect(Object.keys(headersOf(injected))).toEqual(['host', 'accept-encoding']);
  });

  test('when the template has characters that a replacement would read', () => {
    const injected = inject([], '/', prepareInjection({ injection: bearer, placeholder: undefined }, "$&$'$1$$", btoa), 'x');
    expect(headersOf(injected).authorization).toEqual(["Bearer $&$'$1$$"]);
  });

  test('when the agent nominates it in Connection', () => {
    const found = headersOf(
      sent(bearer, ['Connection', 'close, Authorization', 'connection', 'HOST ,accept-encoding', 'authorization', 'mine']),
    );
    expect(found).toEqual({ host: ['api.x.com'], 'accept-encoding': ['identity'], authorization: [`Bearer ${value}`] });
  });

  test('when it is a cookie; otherwise cookies are the agent’s own', () => {
    const agents = ['Cookie', 'a=1', 'cookie', 'b=2'];
    expect(headersOf(sent({ kind: 'header', name: 'Cookie', template: 'key={value}' }, agents)).cookie).toEqual([`key=${value}`]);
    expect(headersOf(sent(bearer, agents)).cookie).toEqual(['a=1', 'b=2']);
  });

  test('when it is among the subprotocols of a WebSocket, of which the others stay', () => {
    const protocols = (value: string) => headersOf(sent(bearer, ['Sec-WebSocket-Protocol', value]))['sec-websocket-protocol'];
    expect(protocols('realtime, OpenAI-insecure-api-key.mine , openai-beta.realtime-v1')).toEqual(['realtime, openai-beta.realtime-v1']);
    expect(protocols('base64url.bearer.authorization.k8s.io.bWluZQ')).toBeUndefined();
    expect(protocols('graphql-ws')).toEqual(['graphql-ws']);
  });

  test('when the header that carries it has underscores', () => {
    const found = headersOf(sent({ kind: 'header', name: 'X_Key', template: '{value}' }, ['X-Key', 'a', 'x_key', 'b']));
    expect(found).toMatchObject({ x_key: [value] });
    expect(found).not.toHaveProperty('x-key');
  });

  test('whatever the agent sends', () => {
    const casing = (name: string) =>
      fc
        .infiniteStream(fc.boolean())
        .map((upper) => [...name].map((letter) => (upper.next().value === true ? letter.toUpperCase() : letter)).join(''));
    const name = fc
      .constantFrom('authorization', 'x-api-key', 'x_api_key', 'connection', 'proxy-authorization', 'x-custom', 'te', 'host')
      .chain(casing);
    const text = fc.constantFrom('canary', 'x-custom, authorization', 'close', 'x-api-key', 'keep-alive');
    fc.assert(
      fc.property(fc.constantFrom(bearer, apiKey, basic), fc.array(fc.tuple(name, text), { maxLength: 10 }), (injection, pairs) => {
        const injected = sent(injection, pairs.flat());
        const found = headersOf(injected);
        const ours = injection === apiKey ? 'x-api-key' : 'authorization';
        expect(found[ours]).toHaveLength(1);
        expect(found[ours]?.[0]).toMatch(injection === basic ? /^Basic / : /sk-live/);
        expect(Object.keys(found).filter((each) => !['host', 'accept-encoding', 'x-custom', ours].includes(each))).toEqual([]);
        expect(found.host).toEqual(['api.x.com']);
      }),
    );
  });
});

describe('what belongs to one connection or to us ends here', () => {
  test.each([
    'Connection',
    'Keep-Alive',
    'Proxy-Connection',
    'Proxy-Authorization',
    'Proxy-Anything',
    'TE',
    'Trailer',
    'Transfer-Encoding',
    'Upgrade',
    'HTTP2-Settings',
    'Content-Length',
    'X-Leasehold-Agent',
    'X-HTTP-Method-Override',
    'X-Original-URL',
  ])('%s', (name) => {
    expect(Object.keys(headersOf(sent(bearer, [name, '1'])))).toEqual(['host', 'accept-encoding', 'authorization']);
  });

  test('what Connection nominates goes, what it does not stays', () => {
    const found = headersOf(sent(bearer, ['Connection', 'X-Hop', 'x-hop', '1', 'x-end', '2']));
    expect(found).not.toHaveProperty('x-hop');
    expect(found).toHaveProperty('x-end', ['2']);
  });

  test('an answer is asked for that we can read', () => {
    expect(headersOf(sent(bearer, ['Accept-Encoding', 'gzip, br', 'accept-encoding', 'zstd']))['accept-encoding']).toEqual(['identity']);
  });

  test('an Expect that nobody knows is refused; 100-continue is answered by us', () => {
    expect(() => sent(bearer, ['expect', '200-ok'])).toThrow(expect.objectContaining({ code: 'bad_request' }));
    expect(() => sent(bearer, ['Expect', '100-continue, x'])).toThrow(expect.objectContaining({ code: 'bad_request' }));
    expect(headersOf(sent(bearer, ['Expect', '100-Continue']))).not.toHaveProperty('expect');
  });

  test('everything else passes byte by byte, repeated headers and their order included', () => {
    const agents = ['User-Agent', 'x/1', 'Accept', 'a', 'accept', 'b', 'Content-Type', 'application/json', 'X-Request-Id', '7'];
    const { headers, path } = sent(bearer, agents, '/v1/a%20b?q=%2F;x&&y');
    expect(headers).toEqual(['host', 'api.x.com', 'accept-encoding', 'identity', ...agents, 'Authorization', `Bearer ${value}`]);
    expect(path).toBe('/v1/a%20b?q=%2F;x&&y');
  });
});
