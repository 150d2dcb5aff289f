import { expect, test } from 'vitest';
import type { Use } from '../ports/use-log.ts';
import { createHostTally } from './host-tally.ts';

const use: Use = {
  credentialId: 'crd_1',
  leaseId: 'lse_1',
  method: 'GET',
  authority: 'https://a.example:443',
  path: '/',
  outcome: 'ok',
  httpStatus: 200,
};

test('what is recorded is counted by host and outcome, and recorded all the same', () => {
  const recorded: Use[] = [];
  const tally = createHostTally({ record: (each) => recorded.push(each) }, 10);
  const uses = [use, { ...use, path: '/other' }, { ...use, outcome: 'no_grant' }, { ...use, authority: 'https://b.example:443' }];
  for (const each of uses) tally.record(each);
  expect(recorded).toEqual(uses);
  expect(tally.list()).toEqual([
    { authority: 'https://a.example:443', requests: 3, outcomes: { ok: 2, no_grant: 1 } },
    { authority: 'https://b.example:443', requests: 1, outcomes: { ok: 1 } },
  ]);
});

test('hosts that an agent makes up do not make it grow', () => {
  const tally = createHostTally({ record: () => undefined }, 2);
  for (let number = 0; number < 100; number += 1) tally.record({ ...use, authority: `https://${number}.example:443` });
  expect(tally.list()).toHaveLength(2);
});
