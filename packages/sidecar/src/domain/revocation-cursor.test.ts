import type { Instant } from '@leasehold/core';
import { describe, expect, it } from 'vitest';
import {
  type CursorStep,
  emptyCursor,
  inStep,
  onHello,
  onPingSent,
  onPong,
  onRevoked,
  type RevocationCursor,
} from './revocation-cursor.ts';

const hello = { epoch: 'e1', cursorSeq: 7, headSeq: 7, maxStalenessMs: 3_000 };
const at = (ms: number): Instant => ({ monoMs: ms, wallMs: 1_000_000 + ms });

function moved(step: CursorStep): RevocationCursor {
  if (step.kind === 'broken') throw new Error(step.why);
  return step.cursor;
}

const greeted = moved(onHello(emptyCursor, hello));

function pinged(cursor: RevocationCursor, id: number, sentMs: number, headSeq = cursor.seq): RevocationCursor {
  return moved(onPong(onPingSent(cursor, id, at(sentMs)), id, headSeq));
}

describe('being in step', () => {
  it('needs a hello and an answered ping', () => {
    expect(inStep(emptyCursor, at(0))).toBe(false);
    expect(inStep(greeted, at(0))).toBe(false);
    expect(inStep(onPingSent(greeted, 1, at(0)), at(0))).toBe(false);
    expect(inStep(pinged(greeted, 1, 0), at(0))).toBe(true);
  });

  it('lasts for max_staleness from the sending of the ping, not a millisecond longer', () => {
    const cursor = pinged(greeted, 1, 100);
    expect(inStep(cursor, at(3_099))).toBe(true);
    expect(inStep(cursor, at(3_100))).toBe(false);
  });

  it('counts the time that a suspended machine slept, and a wall clock set back gives no more of it', () => {
    const cursor = pinged(greeted, 1, 0);
    expect(inStep(cursor, { monoMs: 5, wallMs: 1_000_000 + 30_000 })).toBe(false);
    expect(inStep(cursor, { monoMs: 3_000, wallMs: 0 })).toBe(false);
  });
});

describe('pongs', () => {
  it('that come late or out of order never make knowledge older', () => {
    let cursor = onPingSent(onPingSent(greeted, 1, at(0)), 2, at(1_000));
    cursor = moved(onPong(cursor, 2, 7));
    expect(cursor.freshFrom).toEqual(at(1_000));
    expect(moved(onPong(cursor, 1, 7)).freshFrom).toEqual(at(1_000));
  });

  it('to pings that were never sent, or sent on a stream before, prove nothing', () => {
    expect(moved(onPong(greeted, 9, 7)).freshFrom).toBeUndefined();
    const reconnected = moved(onHello(onPingSent(greeted, 1, at(0)), hello));
    expect(moved(onPong(reconnected, 1, 7)).freshFrom).toBeUndefined();
  });

  it('that name a head beyond what is applied break the cursor: an event is missing', () => {
    expect(onPong(onPingSent(greeted, 1, at(0)), 1, 8).kind).toBe('broken');
  });

  it('that name an older head than was applied when the ping left break the cursor: the log was cut', () => {
    expect(onPong(onPingSent(greeted, 1, at(0)), 1, 6).kind).toBe('broken');
  });

  it('count though events came between the reading of the head and the pong', () => {
    const cursor = moved(onRevoked(onPingSent(greeted, 1, at(0)), 8));
    expect(moved(onPong(cursor, 1, 7)).freshFrom).toEqual(at(0));
  });

  it('that never come do not pile up', () => {
    let cursor = greeted;
    for (let id = 1; id <= 1_000; id += 1) cursor = onPingSent(cursor, id, at(id));
    expect(cursor.sentPings.length).toBe(64);
    expect(cursor.sentPings.at(-1)?.id).toBe(1_000);
  });
});

describe('events', () => {
  it.each([
    ['a gap', 9],
    ['a doubled event', 7],
    ['a reordered event', 6],
  ])('with %s break the cursor', (_, seq) => {
    expect(onRevoked(greeted, seq).kind).toBe('broken');
  });

  it('before hello break the cursor', () => {
    expect(onRevoked(emptyCursor, 1).kind).toBe('broken');
  });

  it('in order move it', () => {
    expect(moved(onRevoked(greeted, 8)).seq).toBe(8);
  });
});

describe('a reconnect', () => {
  it('of the same epoch goes on where the cursor stood, and what was proved before stays proved until it runs out', () => {
    const cursor = moved(onHello(pinged(greeted, 1, 0), { ...hello, headSeq: 12 }));
    expect(cursor.seq).toBe(7);
    expect(inStep(cursor, at(2_999))).toBe(true);
    expect(inStep(cursor, at(3_000))).toBe(false);
  });

  it.each([
    ['to another epoch', { ...hello, epoch: 'e2' }],
    ['to another place in the log', { ...hello, cursorSeq: 8, headSeq: 8 }],
    ['to a log shorter than what was applied', { ...hello, headSeq: 6 }],
    ['without an epoch', { ...hello, epoch: '' }],
    ['without a staleness limit', { ...hello, maxStalenessMs: 0 }],
  ])('%s breaks the cursor', (_, said) => {
    expect(onHello(greeted, said).kind).toBe('broken');
  });
});
