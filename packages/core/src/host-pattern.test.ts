import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalHost, canonicalHostPattern, hostMatches, isIpLiteral, wildcardOf } from './host-pattern.ts';

const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?$/).filter((text) => !text.startsWith('xn--') && !text.includes('--'));
const name = fc
  .tuple(fc.array(label, { minLength: 1, maxLength: 4 }), fc.stringMatching(/^[a-z]{2,6}$/))
  .map(([labels, top]) => `${labels.join('.')}.${top}`);

describe('a host has one spelling', () => {
  test.each([
    ['API.Example.COM', 'api.example.com'],
    ['api.example.com.', 'api.example.com'],
    ['bücher.example', 'xn--bcher-kva.example'],
    ['BÜCHER.example', 'xn--bcher-kva.example'],
    ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
    ['api。example。com', 'api.example.com'],
    ['localhost', 'localhost'],
    ['my_bucket.s3.example.com', 'my_bucket.s3.example.com'],
    ['0x7f.1', '127.0.0.1'],
    ['2130706433', '127.0.0.1'],
    ['0177.0.0.1', '127.0.0.1'],
    ['127.1', '127.0.0.1'],
    ['127.0.0.1.', '127.0.0.1'],
    ['[::1]', '::1'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['::FFFF:127.0.0.1', '::ffff:7f00:1'],
  ])('%s is %s', (written, canonical) => {
    expect(canonicalHost(written)).toBe(canonical);
  });

  test.each([
    '',
    '.',
    '..',
    '.example.com',
    'a..example.com',
    'example.com..',
    'user@example.com',
    'a b.example.com',
    'example.com\n',
    'example.com/',
    'example.com?x',
    'example.com#x',
    'example.com\\x',
    'ex%61mple.com',
    '*.example.com',
    'a,b.example.com',
    'example.com:443',
    '[example.com]',
    '[::1',
    '::1]',
    'fe80::1%eth0',
    '1.2.3.4.5',
    '256.0.0.1',
    `${'a'.repeat(64)}.example.com`,
    `${'a.'.repeat(127)}com`,
  ])('%j is no host', (text) => {
    expect(canonicalHost(text)).toBeUndefined();
  });

  test('whatever is written, the canonical form is its own canonical form', () => {
    const texts = fc.oneof(
      name,
      fc.string({ unit: 'grapheme', maxLength: 20 }),
      fc.domain(),
      fc.ipV4Extended(),
      fc.ipV6(),
      fc.webAuthority(),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const host = canonicalHost(text);
        if (host !== undefined) expect(canonicalHost(host)).toBe(host);
      }),
    );
  });

  test('letter case and a final dot change nothing', () => {
    fc.assert(
      fc.property(name, fc.infiniteStream(fc.boolean()), fc.boolean(), (host, upper, dotted) => {
        const written =
          [...host].map((letter) => (upper.next().value === true ? letter.toUpperCase() : letter)).join('') + (dotted ? '.' : '');
        expect(canonicalHost(written)).toBe(host);
      }),
    );
  });
});

describe('THREATS 5: a pattern is an exact host, or one label to the left of one', () => {
  test.each([
    ['*.Example.com.', '*.example.com'],
    ['*.bücher.example', '*.xn--bcher-kva.example'],
    ['api.example.com', 'api.example.com'],
    ['10.0.0.1', '10.0.0.1'],
    ['0x7f.1', '127.0.0.1'],
  ])('%s is %s', (written, canonical) => {
    expect(canonicalHostPattern(written)).toBe(canonical);
  });

  test.each([
    '*',
    '*.',
    '*.com',
    '*.localhost',
    '**.example.com',
    '*.*.example.com',
    'a*.example.com',
    'api.*.com',
    '*.10.0.0.1',
    '*.0x7f.1',
    '*.::1',
    '.example.com',
    '^api',
  ])('%s is refused', (text) => {
    expect(canonicalHostPattern(text)).toBeUndefined();
  });

  test.each([
    ['api.x.com', 'api.x.com', true],
    ['api.x.com', 'api.x.com.evil', false],
    ['api.x.com', 'evil-api.x.com', false],
    ['api.x.com', 'evil.api.x.com', false],
    ['api.x.com', 'x.com', false],
    ['*.x.com', 'a.x.com', true],
    ['*.x.com', 'x.com', false],
    ['*.x.com', 'a.b.x.com', false],
    ['*.x.com', 'ax.com', false],
    ['*.x.com', 'a.x.com.evil', false],
    ['*.x.com', 'a.evilx.com', false],
    ['127.0.0.1', '127.0.0.1', true],
    ['*.0.0.1', '127.0.0.1', false],
  ])('%s against %s: %s', (pattern, host, matches) => {
    expect(hostMatches(pattern, host)).toBe(matches);
  });

  test('a wildcard covers exactly the hosts with one more label', () => {
    fc.assert(
      fc.property(name, fc.array(label, { maxLength: 3 }), (parent, labels) => {
        expect(hostMatches(`*.${parent}`, [...labels, parent].join('.'))).toBe(labels.length === 1);
      }),
    );
  });

  test('the table key of a host is the one wildcard that matches it', () => {
    fc.assert(
      fc.property(name, (host) => {
        expect(hostMatches(wildcardOf(host) ?? '', host)).toBe(true);
      }),
    );
    expect(wildcardOf('localhost')).toBeUndefined();
    expect(wildcardOf('10.0.0.1')).toBeUndefined();
    expect(wildcardOf('::1')).toBeUndefined();
  });

  test('addresses are told from names', () => {
    expect(['10.0.0.1', '::1'].every(isIpLiteral)).toBe(true);
    expect(['api.example.com', 'a.1x', 'localhost'].some(isIpLiteral)).toBe(false);
  });
});
