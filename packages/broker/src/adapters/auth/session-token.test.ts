import { beforeEach, describe, expect, test } from 'vitest';
import { createSessionTokens, type SessionTokens } from './session-token.ts';

const claims = { tenantId: 'tnt_1', agentId: 'agt_1', tokenVersion: 3, instanceId: 'i-1', instanceName: 'pod "é"' };
const lifetimeMs = 60_000;
let now = 0;
let tokens: SessionTokens;
let token: string;

const under = (key: string) => createSessionTokens({ key: Buffer.from(key), now: () => now, lifetimeMs });
const invalid = expect.objectContaining({ code: 'identity_invalid' });

beforeEach(() => {
  now = 1_000;
  tokens = under('a key');
  ({ token } = tokens.sign(claims));
});

test('says what was signed, here and at every replica that has the key', () => {
  for (const replica of [tokens, under('a key')]) expect(replica.verify(token)).toEqual({ ...claims, expiresAt: 61_000 });
});

describe('is good for its lifetime, and no longer', () => {
  test.each(['seen before', 'never seen'])('%s', (which) => {
    if (which === 'seen before') tokens.verify(token);
    now = 60_999;
    const late = which === 'seen before' ? tokens : under('a key');
    expect(late.verify(token).agentId).toBe('agt_1');
    now = 61_000;
    expect(() => (which === 'seen before' ? late : under('a key')).verify(token)).toThrow(invalid);
  });
});

test.each([
  ['of another key', () => under('another key').sign(claims).token],
  [
    'with other claims',
    () => token.replace(/\.[^.]+\./, `.${Buffer.from('["tnt_2","agt_1",3,"i-1","x",99999999]').toString('base64url')}.`),
  ],
  ['of another version', () => token.replace('lhs1', 'lhs2')],
  ['without a signature', () => token.replace(/\.[^.]+$/, '.')],
  ['that was cut off', () => token.slice(0, -1)],
  ['that is empty', () => ''],
])('one %s is nobody', (_, other) => {
  // The true one being known already helps no other.
  tokens.verify(token);
  expect(() => tokens.verify(other())).toThrow(invalid);
});
