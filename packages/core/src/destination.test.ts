import { describe, expect, test } from 'vitest';
import { parseDestination } from './destination.ts';
import { AppError } from './errors.ts';

const plain = { methods: [], pathPrefixes: [], caPem: undefined, privateCidrs: [] };
const caPem = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';

describe('a destination as operators write it', () => {
  test.each([
    ['https://api.openai.com', { scheme: 'https', hostPattern: 'api.openai.com', port: 443 }],
    ['https://API.OpenAI.com./', { scheme: 'https', hostPattern: 'api.openai.com', port: 443 }],
    ['https://*.example.com:8443', { scheme: 'https', hostPattern: '*.example.com', port: 8443 }],
    ['https://[::1]:8443', { scheme: 'https', hostPattern: '::1', port: 8443 }],
    ['http://db.internal', { scheme: 'http', hostPattern: 'db.internal', port: 80 }],
    ['https://api.example.com/v1/', { scheme: 'https', hostPattern: 'api.example.com', port: 443, pathPrefixes: ['/v1/'] }],
  ])('%s', (url, expected) => {
    expect(parseDestination(url)).toEqual({ ...plain, ...expected });
  });

  test('takes methods, paths, a CA and private ranges', () => {
    const options = { methods: ['get', 'POST'], pathPrefixes: ['/v2'], caPem, privateCidrs: ['10.0.0.0/8', 'fd00::/8'] };
    expect(parseDestination('https://api.example.com/v1', options)).toEqual({
      scheme: 'https',
      hostPattern: 'api.example.com',
      port: 443,
      methods: ['GET', 'POST'],
      pathPrefixes: ['/v1', '/v2'],
      caPem,
      privateCidrs: ['10.0.0.0/8', 'fd00::/8'],
    });
  });

  test.each([
    'api.openai.com',
    'ftp://api.openai.com',
    'https://',
    'https://*',
    'https://*.com',
    'https://a.*.com',
    'https://api.openai.com:0',
    'https://api.openai.com:70000',
    'https://api.openai.com:8o80',
    'https://api.openai.com?x=1',
    'https://api.openai.com#x',
    'https://api.openai.com/v1/../x',
    'https://api.openai.com/v1//x',
    'https://[api.openai.com]',
    ' https://api.openai.com',
  ])('%s is refused', (url) => {
    expect(() => parseDestination(url)).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
  });

  test('says everything that is wrong at once', () => {
    const options = { methods: ['GE T', 'CONNECT'], pathPrefixes: ['v1', '/a?b'], caPem: 'x', privateCidrs: ['10.0.0.0/33', 'office'] };
    let message = '';
    try {
      parseDestination('https://*.com:0', options);
    } catch (error) {
      message = AppError.from(error).message;
    }
    expect(message.split('\n')).toEqual(
      ['*.com', 'port 0', 'GE T', 'CONNECT', 'v1', '/a?b', '10.0.0.0/33', 'office', 'PEM'].map((part) => expect.stringContaining(part)),
    );
  });

  test('refuses a private key beside the certificate', () => {
    const withKey = `${caPem}-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n`;
    expect(() => parseDestination('https://api.example.com', { caPem: withKey })).toThrow(/private key/);
  });

  test.each([
    'https://user:hunter2hunter2@api.example.com',
    'https://hunter2hunter2@api.example.com',
    'https://api.example.com/?key=hunter2hunter2',
  ])('does not repeat a password that was written into %s', (url) => {
    expect(() => parseDestination(url)).toThrow(expect.objectContaining({ message: expect.not.stringContaining('hunter2') }));
  });
});
