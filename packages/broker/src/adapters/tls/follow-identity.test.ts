import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { TlsIdentity } from './broker-identity.ts';
import { followIdentity } from './follow-identity.ts';

const identity = (certPem: string): TlsIdentity => ({ tls: { certPem, keyPem: 'key' }, caFile: 'ca.pem', expiresAt: 0 });

let there: TlsIdentity | Error;
let used: string[];
let faults: unknown[];
let end: AbortController;
beforeEach(() => {
  vi.useFakeTimers();
  there = identity('first');
  used = [];
  faults = [];
  end = new AbortController();
  followIdentity(
    {
      identity: identity('first'),
      open: async () => {
        if (there instanceof Error) throw there;
        return there;
      },
      everyMs: 1_000,
      onChanged: ({ tls }) => used.push(tls.certPem),
      onFault: (thrown) => faults.push(thrown),
    },
    end.signal,
  );
});
afterEach(() => {
  end.abort();
  vi.useRealTimers();
});

test('another certificate is used once, and the same one not again', async () => {
  await vi.advanceTimersByTimeAsync(3_000);
  expect(used).toEqual([]);
  there = identity('second');
  await vi.advanceTimersByTimeAsync(3_000);
  expect(used).toEqual(['second']);
});

test('a look that fails changes nothing, and the next one counts', async () => {
  there = new Error('unreadable');
  await vi.advanceTimersByTimeAsync(1_000);
  expect([used, faults]).toEqual([[], [there]]);
  there = identity('second');
  await vi.advanceTimersByTimeAsync(1_000);
  expect(used).toEqual(['second']);
});

test('it ends with the broker', async () => {
  end.abort();
  there = identity('second');
  await vi.advanceTimersByTimeAsync(3_000);
  expect(used).toEqual([]);
});
