import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { Secret } from './secret.ts';

const canary = 'hunter2hunter2';
const bytes = (): Uint8Array => new TextEncoder().encode(canary);

test('a secret is shown by nothing that makes text of it', () => {
  const secret = new Secret(bytes());
  const shown = [
    String(secret),
    `${secret}`,
    JSON.stringify({ secret }),
    inspect({ secret }, { showHidden: true, depth: 9 }),
    [secret].join(),
  ];
  for (const text of shown) {
    expect(text).toContain('[secret]');
    expect(text).not.toContain(canary);
    expect(text).not.toContain(String(bytes()[0]));
  }
  expect(Object.values({ ...secret })).toEqual([]);
});

test('a wiped secret has cleared the bytes it was given and gives nothing more', () => {
  const given = bytes();
  const secret = new Secret(given);
  expect(secret.reveal()).toBe(given);
  secret.wipe();
  expect([...given].every((byte) => byte === 0)).toBe(true);
  expect(() => secret.reveal()).toThrow();
  expect(secret).toMatchObject({ isWiped: true, byteLength: 0 });
  secret.wipe();
});
