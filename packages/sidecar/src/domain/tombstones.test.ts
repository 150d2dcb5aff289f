import type { Revocation, RevocationScope } from '@leasehold/core';
import { describe, expect, it } from 'vitest';
import { coverage } from './coverage.ts';
import { createTombstones } from './tombstones.ts';

const lease = { leaseId: 'l1', grantId: 'g1', credentialId: 'c1', issuedAtSeq: 5, epoch: 'e1' };
const event = (scope: RevocationScope, id: string, seq = 6): Revocation => ({ seq, scope, ids: ['x', id], reason: 'revoked' });

describe('a revocation', () => {
  it.each([
    ['lease', 'l1'],
    ['grant', 'g1'],
    ['credential', 'c1'],
    ['agent', 'me'],
    ['tenant', 'whatever'],
  ] as const)('of scope %s covers what it names and what was issued before it', (scope, id) => {
    expect(coverage(event(scope, id), 'me')(lease)).toBe(true);
    expect(coverage(event(scope, id, 5), 'me')(lease)).toBe(false);
    if (scope !== 'tenant') expect(coverage(event(scope, 'other'), 'me')(lease)).toBe(false);
  });
});

describe('an answer to Acquire or Renew', () => {
  const head = { epoch: 'e1', seq: 5 };

  it('is thrown away when an event that covers it was applied meanwhile', () => {
    const stones = createTombstones({ maxEvents: 10 });
    const question = stones.open(head);
    stones.bury(event('grant', 'g1', 6), 'me');
    expect(stones.flaw(question, lease)).toBe('revoked_meanwhile');
    expect(stones.flaw(question, { ...lease, issuedAtSeq: 6 })).toBeUndefined();
    expect(stones.flaw(question, { ...lease, grantId: 'g2' })).toBeUndefined();
  });

  it('is thrown away however many questions were asked and answered since', () => {
    const stones = createTombstones({ maxEvents: 10 });
    const question = stones.open(head);
    stones.bury(event('grant', 'g1', 6), 'me');
    const [younger, answered] = [stones.open({ ...head, seq: 6 }), stones.open({ ...head, seq: 6 })];
    stones.close(answered);
    expect(stones.flaw(question, lease)).toBe('revoked_meanwhile');
    stones.close(question);
    expect(stones.size).toBe(0);
    stones.close(younger);
  });

  it('is thrown away when it comes from another epoch, from before a reset, or from a log shorter than what was known', () => {
    const stones = createTombstones({ maxEvents: 10 });
    const question = stones.open(head);
    expect(stones.flaw(question, { ...lease, epoch: 'e2' })).toBe('other_epoch');
    expect(stones.flaw(question, { ...lease, issuedAtSeq: 4 })).toBe('older_than_question');
    stones.reset();
    expect(stones.flaw(question, lease)).toBe('asked_before_reset');
  });

  it('may be newer than what the sidecar has applied', () => {
    const stones = createTombstones({ maxEvents: 10 });
    expect(stones.flaw(stones.open(head), { ...lease, issuedAtSeq: 9 })).toBeUndefined();
  });

  it('is thrown away unseen when more events passed than are remembered', () => {
    const stones = createTombstones({ maxEvents: 2 });
    const question = stones.open(head);
    for (const seq of [6, 7, 8]) stones.bury(event('grant', 'other', seq), 'me');
    expect(stones.size).toBeLessThanOrEqual(2);
    expect(stones.flaw(question, { ...lease, issuedAtSeq: 6 })).toBe('older_than_question');
    expect(stones.flaw(question, { ...lease, issuedAtSeq: 8 })).toBeUndefined();
  });
});

describe('tombstones', () => {
  it('are kept only while a question older than them is open', () => {
    const stones = createTombstones({ maxEvents: 10 });
    stones.bury(event('tenant', '', 6), 'me');
    expect(stones.size).toBe(0);
    const first = stones.open({ epoch: 'e1', seq: 6 });
    stones.bury(event('tenant', '', 7), 'me');
    const second = stones.open({ epoch: 'e1', seq: 7 });
    stones.bury(event('tenant', '', 8), 'me');
    expect(stones.size).toBe(2);
    stones.close(first);
    expect(stones.size).toBe(1);
    stones.close(second);
    expect(stones.size).toBe(0);
  });
});
