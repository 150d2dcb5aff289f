import { PassThrough } from 'node:stream';
import { AppError } from '@leasehold/core';
import { describe, expect, test } from 'vitest';
import { createBodyRoom, maxWholeBytes, WholeBody } from './whole-body.ts';

function read(room = createBodyRoom(maxWholeBytes)) {
  const source = new PassThrough();
  const outcomes: (Buffer | AppError)[] = [];
  const body = new WholeBody(source, room, (outcome) => outcomes.push(outcome));
  return { source, body, outcomes };
}

/** Waits until what was written has been read. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('a body that is kept whole', () => {
  test('is the bytes of its chunks in their order', async () => {
    const { source, outcomes } = read();
    for (const text of ['a', 'b'.repeat(5_000), '', 'c']) source.write(text);
    source.end();
    await turn();
    expect(outcomes).toEqual([Buffer.from(`a${'b'.repeat(5_000)}c`)]);
  });

  test('THREATS 39: holds no chunk, however small and many they are: what counts is what is kept', async () => {
    const taken: number[] = [];
    const { source, outcomes } = read({ take: (bytes) => taken.push(bytes) > 0, give: () => undefined });
    const chunk = Buffer.alloc(1);
    for (let count = 0; count < 10_000; count += 1) {
      chunk[0] = count % 256;
      source.emit('data', chunk);
    }
    source.end();
    await turn();
    expect(outcomes).toEqual([Buffer.from(Array.from({ length: 10_000 }, (_, count) => count % 256))]);
    expect(taken).toEqual([4_096, 4_096, 8_192]);
  });

  test('gives its room back once, all of it', async () => {
    const room = createBodyRoom(maxWholeBytes);
    const { source, body, outcomes } = read(room);
    source.end(Buffer.alloc(maxWholeBytes));
    await turn();
    expect(outcomes).toHaveLength(1);
    expect(room.take(1)).toBe(false);
    body.drop();
    body.drop();
    expect([room.take(maxWholeBytes), room.take(1)]).toEqual([true, false]);
  });

  test.each([
    ['is too large', (source: PassThrough) => source.write(Buffer.alloc(maxWholeBytes + 1)), maxWholeBytes, 'body_too_large'],
    ['finds no room', (source: PassThrough) => source.write('x'), 4_095, 'overloaded'],
    ['breaks off', (source: PassThrough) => source.destroy(), maxWholeBytes, 'bad_request'],
  ])('one that %s is told so, once', async (_, act, roomBytes, code) => {
    const { source, outcomes } = read(createBodyRoom(roomBytes));
    act(source);
    await turn();
    source.end('more');
    await turn();
    expect(outcomes.map((outcome) => outcome instanceof AppError && outcome.code)).toEqual([code]);
  });
});
