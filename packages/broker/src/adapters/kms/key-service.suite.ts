import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import type { KeyService } from '../../ports/key-service.ts';

/** What every key service must do: the sentences of its port, as tests. `open` gives a service, `other` one with another KEK. */
export function keyServiceSuite(name: string, stage: () => Promise<{ readonly service: KeyService; readonly other: KeyService }>): void {
  const aad = Buffer.from('tenant and key id');

  test(`${name}: what it wraps it unwraps, up to 1 KiB`, async () => {
    const { service } = await stage();
    for (const size of [1, 32, 1_024]) {
      const plaintext = randomBytes(size);
      const wrapped = await service.wrap(plaintext, aad);
      expect(Buffer.from(wrapped).includes(plaintext) && size > 1).toBe(false);
      expect(Buffer.from(await service.unwrap(wrapped, aad))).toEqual(plaintext);
    }
  });

  test(`${name}: wrapping twice gives two spellings, and leaves the caller's buffer alone`, async () => {
    const { service } = await stage();
    const plaintext = randomBytes(32);
    const before = Buffer.from(plaintext);
    expect(Buffer.from(await service.wrap(plaintext, aad))).not.toEqual(Buffer.from(await service.wrap(plaintext, aad)));
    expect(plaintext).toEqual(before);
  });

  test(`${name}: other AAD does not unwrap (INV-12, THREATS 30)`, async () => {
    const { service } = await stage();
    const wrapped = await service.wrap(randomBytes(32), aad);
    for (const wrong of [Buffer.from('tenant and key ie'), Buffer.alloc(0), aad.subarray(1)]) {
      await expect(service.unwrap(wrapped, wrong)).rejects.toMatchObject({ code: 'value_unreadable' });
    }
  });

  test(`${name}: another KEK does not unwrap, and has another name`, async () => {
    const { service, other } = await stage();
    expect(other.kekId).not.toBe(service.kekId);
    await expect(other.unwrap(await service.wrap(randomBytes(32), aad), aad)).rejects.toMatchObject({ code: 'value_unreadable' });
  });

  test(`${name}: changed, cut and empty bytes do not unwrap`, async () => {
    const { service } = await stage();
    const wrapped = await service.wrap(randomBytes(32), aad);
    for (const at of [0, Math.floor(wrapped.length / 2), wrapped.length - 1]) {
      const changed = Uint8Array.from(wrapped);
      changed[at] = (changed[at] ?? 0) ^ 1;
      await expect(service.unwrap(changed, aad)).rejects.toMatchObject({ code: 'value_unreadable' });
    }
    for (const length of [0, 1, 27, wrapped.length - 1]) {
      await expect(service.unwrap(wrapped.subarray(0, length), aad)).rejects.toMatchObject({ code: 'value_unreadable' });
    }
  });

  test(`${name}: the caller owns what was unwrapped: wiping it changes nothing else`, async () => {
    const { service } = await stage();
    const plaintext = randomBytes(32);
    const wrapped = await service.wrap(plaintext, aad);
    (await service.unwrap(wrapped, aad)).fill(0);
    expect(Buffer.from(await service.unwrap(wrapped, aad))).toEqual(plaintext);
  });

  test(`${name}: check resolves while its KEK can be used`, async () => {
    const { service } = await stage();
    await expect(service.check()).resolves.toBeUndefined();
  });
}
