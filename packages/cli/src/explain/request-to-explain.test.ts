import { AppError } from '@leasehold/core';
import { describe, expect, test } from 'vitest';
import { requestToExplain } from './request-to-explain.ts';

const nothing = () => false;
const read = (url: string, isBound: (host: string) => boolean = nothing) => requestToExplain('get', url, isBound);

describe('a URL is read as a sidecar would', () => {
  test('a vendor’s own', () => {
    expect(read('https://API.x.com/v1?a=1#b')).toEqual({
      target: { way: 'proxy', scheme: 'https', host: 'api.x.com', port: 443, method: 'GET', path: '/v1' },
      path: '/v1?a=1',
    });
    expect(read('http://api.x.com:8080').target).toMatchObject({ scheme: 'http', port: 8080, path: '/' });
  });

  test('one below a base URL', () => {
    expect(read('http://127.0.0.1:7480/openai/v1?a=1')).toEqual({
      target: { way: 'base-url', credentialName: 'openai', method: 'GET', path: '/v1' },
      path: '/v1?a=1',
    });
    expect(read('http://localhost:7480/openai').target).toMatchObject({ way: 'base-url', path: '/' });
  });

  test('a vendor on loopback stays one', () => {
    expect(read('http://127.0.0.1:9000/openai/v1', (host) => host === '127.0.0.1').target).toMatchObject({ way: 'proxy', port: 9000 });
    expect(read('https://127.0.0.1/openai/v1').target).toMatchObject({ way: 'proxy' });
    expect(read('http://127.0.0.1:7480/Not-A-Name/v1').target).toMatchObject({ way: 'proxy' });
  });

  test.each(['openai', 'ftp://x', 'https://', 'https://x/a/../b', 'https://me@x/', 'http://127.0.0.1:1/openai//x'])(
    '%s is refused',
    (url) => {
      expect(() => read(url)).toThrow(AppError);
    },
  );

  test.each(['', 'get it', 'https://x', 'G\n'])('the method %j is refused', (method) => {
    expect(() => requestToExplain(method, 'https://x/', nothing)).toThrow(AppError);
  });
});
