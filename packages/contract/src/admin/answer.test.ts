import { AppError } from '@leasehold/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { lines, parseAnswer, untilDone } from './answer.ts';
import { createAdminClient } from './client.ts';
import { type ConfirmationResource, confirmationSchema, tenantSchema } from './resources.ts';

const url = 'https://localhost:1';
const tenant = { id: 'ten_1', name: 'one', status: 'active', agents_discover_names: false, created_at: '2026-01-01T00:00:00.000Z' };
const step = (done: boolean, instance = 'pod-1'): ConfirmationResource => ({
  done,
  total: 1,
  confirmed_count: done ? 1 : 0,
  confirmed: done ? [{ instance, after_ms: 3 }] : [],
  outstanding: done ? [] : [instance],
  elapsed_ms: 3,
  committed_at: '2026-01-01T00:00:00.000Z',
});

async function* chunks(...parts: readonly Buffer[]): AsyncIterable<Buffer> {
  yield* parts;
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

async function codeOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => 'fine',
    (thrown: unknown) => (thrown instanceof AppError ? thrown.code : thrown),
  );
}

describe('an answer', () => {
  test('a field that a newer broker added is passed over', () => {
    expect(parseAnswer(tenantSchema, JSON.stringify({ ...tenant, region: 'eu' }))).toEqual(tenant);
  });

  test.each([
    ['no JSON', '<html>'],
    ['a field of another type', JSON.stringify({ ...tenant, name: 7 })],
    ['a field that is missing', JSON.stringify({ id: 'ten_1' })],
  ])('%s is a failure of the broker, not a mistake of the caller', (_, text) => {
    expect(() => parseAnswer(tenantSchema, text)).toThrow(expect.objectContaining({ code: 'internal' }));
  });
});

describe('steps of a confirmation', () => {
  test('come whole, wherever the bytes are cut, inside a letter of several bytes too', async () => {
    const steps = [step(false, 'pöd-✓'), step(true, 'pöd-✓')];
    const bytes = Buffer.from(steps.map((each) => `${JSON.stringify(each)}\n`).join(''));
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.nat(bytes.length), { maxLength: 12 }), async (cuts) => {
        const edges = [0, ...cuts.toSorted((one, other) => one - other), bytes.length];
        const parts = edges.slice(1).map((end, index) => bytes.subarray(edges[index], end));
        expect(await all(untilDone(lines(confirmationSchema, chunks(...parts), url), url))).toEqual(steps);
      }),
    );
  });

  test('a stream that ends before it is done is an error, and what came is shown', async () => {
    const seen: ConfirmationResource[] = [];
    const read = async () => {
      for await (const each of untilDone(lines(confirmationSchema, chunks(Buffer.from(`${JSON.stringify(step(false))}\n`)), url), url))
        seen.push(each);
    };
    expect(await codeOf(read())).toBe('broker_unreachable');
    expect(seen).toEqual([step(false)]);
  });

  test('a stream that breaks is an error of ours, with the reason kept inside', async () => {
    const broken = async function* (): AsyncIterable<Buffer> {
      yield Buffer.from('{');
      throw new Error('other side closed');
    };
    expect(await codeOf(all(lines(confirmationSchema, broken(), url)))).toBe('broker_unreachable');
  });
});

describe('a client', () => {
  test.each(['http://localhost:1', 'localhost:1', 'nonsense'])('is not made for %s: the token is never sent in clear', (address) => {
    expect(() => createAdminClient({ url: address, token: 'lho_x', caPem: '' })).toThrow(
      expect.objectContaining({ code: 'invalid_argument' }),
    );
  });

  test('is not made with a token that would break the header, and does not quote it', () => {
    expect(() => createAdminClient({ url, token: 'lho_secret\nx: y', caPem: '' })).toThrow(
      expect.objectContaining({ code: 'identity_invalid', message: expect.not.stringContaining('secret') }),
    );
  });
});
