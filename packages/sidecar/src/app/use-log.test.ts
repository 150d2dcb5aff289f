import { AppError } from '@leasehold/core';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { UseBatch } from '../ports/broker.ts';
import type { Use } from '../ports/use-log.ts';
import { createUseLog, type UseReportEvent, type UseReporter } from './use-log.ts';

const use: Use = {
  credentialId: 'c1',
  leaseId: 'l1',
  method: 'GET',
  authority: 'https://api.example:443',
  path: '/v1/x',
  outcome: 'forwarded',
  httpStatus: 200,
};

let batches: UseBatch[];
let failure: AppError | undefined;
let events: UseReportEvent[];
let log: UseReporter;
let life: AbortController;
let running: Promise<void>;

beforeEach(() => {
  vi.useFakeTimers();
  batches = [];
  failure = undefined;
  events = [];
  life = new AbortController();
  log = createUseLog({
    broker: {
      reportUse: async (batch) => {
        batches.push(batch);
        if (failure !== undefined) throw failure;
      },
    },
    clock: { now: () => ({ monoMs: Date.now(), wallMs: Date.now() }) },
    random: () => 1,
    windowMs: 1_000,
    maxUnsent: 3,
    retry: { firstMs: 1_000, maxMs: 4_000 },
    onEvent: (event) => events.push(event),
  });
  running = log.run(life.signal);
});
afterEach(async () => {
  life.abort();
  await running;
  vi.useRealTimers();
});

describe('a use log', () => {
  it('counts alike requests together and keeps unlike ones apart', async () => {
    const at = Date.now();
    log.record(use);
    await vi.advanceTimersByTimeAsync(300);
    log.record({ ...use });
    log.record({ ...use, httpStatus: 500 });
    await vi.advanceTimersByTimeAsync(700);
    expect(batches.map((batch) => batch.batchSeq)).toEqual([1]);
    expect(batches[0]?.records).toEqual([
      { ...use, count: 2, firstAtMs: at, lastAtMs: at + 300 },
      { ...use, httpStatus: 500, count: 1, firstAtMs: at + 300, lastAtMs: at + 300 },
    ]);
  });

  it.each(['credentialId', 'leaseId', 'method', 'authority', 'path', 'outcome'] as const)('keeps records apart by %s', async (field) => {
    log.record(use);
    log.record({ ...use, [field]: 'other' });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(batches[0]?.records.length).toBe(2);
  });

  it('says nothing when nothing happened', async () => {
    await vi.advanceTimersByTimeAsync(5_000);
    expect(batches).toEqual([]);
  });

  it('sends a batch again, with its number and unchanged, until it is confirmed, and none before it', async () => {
    failure = new AppError('broker_unreachable', 'down');
    log.record(use);
    await vi.advanceTimersByTimeAsync(1_000);
    log.record({ ...use, path: '/later' });
    await vi.advanceTimersByTimeAsync(3_000);
    expect(batches.map((batch) => batch.batchSeq)).toEqual([1, 1, 1]);
    expect(batches[2]).toEqual(batches[0]);
    failure = undefined;
    await vi.advanceTimersByTimeAsync(5_000);
    expect(batches.slice(3).map((batch) => batch.batchSeq)).toEqual([1, 2]);
    expect(log.unsent).toBe(0);
  });

  it('stays within its memory however long the broker is away, and whatever paths an agent makes up, and loses no count', async () => {
    failure = new AppError('broker_unreachable', 'down');
    for (let n = 0; n < 20_000; n += 1) {
      log.record({ ...use, path: `/made-up/${n}` });
      if (n % 500 === 0) await vi.advanceTimersByTimeAsync(4_000);
    }
    expect(log.unsent).toBe(3);
    failure = undefined;
    batches = [];
    await vi.advanceTimersByTimeAsync(20_000);
    expect(batches.every((batch) => batch.records.length <= 1_000)).toBe(true);
    const counted = batches.flatMap((batch) => batch.records).reduce((sum, record) => sum + record.count, 0);
    expect(counted).toBe(20_000);
    expect(batches.some((batch) => batch.records.some((record) => record.path === '*' && record.count > 1_000))).toBe(true);
  });

  it('counts what it can not keep', async () => {
    for (let n = 0; n < 1_500; n += 1) log.record({ ...use, authority: `https://host-${n}:443` });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(batches[0]?.records.length).toBe(1_000);
    expect(batches[0]?.dropped).toBe(500);
  });

  it('does not let a batch that is never taken stop the others, and counts its requests as dropped', async () => {
    failure = new AppError('invalid_argument', 'no');
    log.record(use);
    log.record(use);
    await vi.advanceTimersByTimeAsync(1_000);
    failure = undefined;
    log.record(use);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(batches.at(-1)?.batchSeq).toBe(2);
    expect(batches.at(-1)?.dropped).toBe(2);
    expect(events.map((event) => event.kind)).toEqual(['report_lost', 'reported']);
  });

  it('cuts paths to what the broker takes', async () => {
    log.record({ ...use, path: `/${'x'.repeat(500)}` });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(batches[0]?.records[0]?.path.length).toBe(200);
  });

  it('reports what is left when it stops', async () => {
    log.record(use);
    life.abort();
    await running;
    expect(batches[0]?.records.length).toBe(1);
  });

  it('says what could not be reported in the end, what never got into a batch included', async () => {
    failure = new AppError('broker_unreachable', 'away');
    for (let batch = 0; batch < 20; batch += 1) {
      log.record(use);
      await vi.advanceTimersByTimeAsync(10_000);
    }
    const before = log.unsent;
    expect(before).toBeLessThan(20);
    life.abort();
    await running;
    expect(events.at(-1)).toMatchObject({ kind: 'report_lost', requests: 20, why: failure });
  });
});
