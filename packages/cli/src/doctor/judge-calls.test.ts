import { describe, expect, test } from 'vitest';
import { judgeCalls } from './judge-calls.ts';

const well = { authority: 'https://api.example.com:443', requests: 3, outcomes: { forwarded: 2, passed_blind: 1 } };
const bypass = { pid: 42, process: 'node', address: '93.184.216.34', port: 443 };

function bads(
  ...args: Parameters<typeof judgeCalls>
): readonly { readonly found: string; readonly advice: string | null; readonly exitCode: number }[] {
  return judgeCalls(...args).filter(({ ok }) => !ok);
}

describe('the calls of a command', () => {
  test('that all went through the sidecar are well', () => {
    const findings = judgeCalls({ hosts: [well], rejections: [] }, []);
    expect(findings.map(({ ok, found }) => [ok, found])).toEqual([
      [true, 'https://api.example.com:443: 3 calls through the sidecar'],
      [true, 'nothing was seen to go around the sidecar'],
    ]);
  });

  test('that were refused are told with how to find out why', () => {
    const host = { ...well, outcomes: { forwarded: 1, no_grant: 2 } };
    expect(bads({ hosts: [host], rejections: [] }, [])).toMatchObject([
      {
        found: expect.stringContaining('2 × no_grant'),
        advice: expect.stringContaining('leasehold explain GET https://api.example.com:443'),
        exitCode: 3,
      },
    ]);
  });

  test('that failed on the way are no matter of policy', () => {
    expect(bads({ hosts: [{ ...well, outcomes: { upstream_timeout: 3 } }], rejections: [] }, [])).toMatchObject([{ exitCode: 1 }]);
  });

  test('are missed where there are none: nothing is proved', () => {
    expect(bads({ hosts: [], rejections: [] }, [])).toMatchObject([{ found: expect.stringContaining('called nothing'), exitCode: 1 }]);
  });
});

test('a client that does not take the certificate is named by its host', () => {
  const found = bads({ hosts: [], rejections: [{ host: 'api.example.com', count: 1 }] }, []);
  expect(found).toMatchObject([
    { found: expect.stringMatching(/^api\.example\.com: .*\(1 time\)/), advice: expect.stringContaining('--base-url') },
  ]);
});

describe('what goes around the sidecar', () => {
  test.each([
    ['node', /NODE_USE_ENV_PROXY=1/],
    ['MainThread', /NODE_USE_ENV_PROXY=1/],
    ['python3.11', /trust_env=True/],
    ['java', /ProxySelector/],
    ['psql', /speaks no HTTP/],
    ['agentd', /--base-url/],
  ])('is named with its process, %s, and what helps there', (process, advice) => {
    const [finding] = bads({ hosts: [well], rejections: [] }, [{ ...bypass, process }]);
    expect(finding).toMatchObject({ found: `${process} (process 42) went around the sidecar, to 93.184.216.34:443`, exitCode: 1 });
    expect(finding?.advice).toMatch(advice);
  });

  test('is written as an address can be typed', () => {
    expect(bads({ hosts: [well], rejections: [] }, [{ ...bypass, address: '2001:db8::1' }])[0]?.found).toContain('[2001:db8::1]:443');
  });

  test('can not be said where connections can not be watched', () => {
    expect(bads({ hosts: [well], rejections: [] }, undefined)).toMatchObject([{ found: expect.stringContaining('Linux') }]);
  });
});
