import { Writable } from 'node:stream';
import type { ConfirmationResource } from '@leasehold/contract/admin';
import { AppError } from '@leasehold/core';
import { expect, test } from 'vitest';
import { createPrinter } from './output/printer.ts';
import { reportConfirmations } from './wait.ts';

const names = ['pod-1', 'pod-2', 'pod-3', 'pod-4', 'pod-5'];
const step = (confirmed: number, done = false): ConfirmationResource => ({
  done,
  total: names.length,
  confirmed_count: confirmed,
  confirmed: names.slice(0, confirmed).map((instance, index) => ({ instance, after_ms: index + 1 })),
  outstanding: names.slice(confirmed),
  elapsed_ms: confirmed * 10,
  committed_at: '2026-01-31T12:00:00.000Z',
});

async function shown(isTTY: boolean, ...steps: readonly ConfirmationResource[]): Promise<string> {
  let text = '';
  const screen = new Writable({
    write: (chunk, _encoding, done) => {
      text += chunk;
      done();
    },
  });
  const out = createPrinter({ isJson: false, out: Object.assign(screen, { isTTY }), env: {} });
  await reportConfirmations(
    out,
    (async function* () {
      yield* steps;
    })(),
  );
  return text;
}

test('on a terminal each step overwrites the one before, and names a few of those that are waited for', async () => {
  const text = await shown(true, step(0), step(4), step(5, true));
  expect(text.split('\r\u001b[K')).toEqual([
    '',
    '0 of 5 sidecars confirmed in 0 ms; waiting for pod-1, pod-2, pod-3 and 2 more',
    '4 of 5 sidecars confirmed in 40 ms; waiting for pod-5',
    '5 of 5 sidecars confirmed in 50 ms\n',
  ]);
});

test('what nobody can name is waited for, too', async () => {
  const nobody = { ...step(0), total: 0, outstanding: [] };
  expect(await shown(true, nobody)).toContain('0 of 0 sidecars confirmed in 0 ms; waiting for whoever this broker does not know');
});

test('a broker that stops telling leaves no doubt that the change was made', async () => {
  const out = createPrinter({
    isJson: false,
    out: Object.assign(new Writable({ write: (_, __, done) => done() }), { isTTY: false }),
    env: {},
  });
  const broken = async function* () {
    yield step(1);
    throw new AppError('broker_unreachable', 'Look whether the change was made.');
  };
  await expect(reportConfirmations(out, broken())).rejects.toMatchObject({
    code: 'broker_unreachable',
    message: expect.stringMatching(/^The change is committed; .*\nTo see who has confirmed/s),
  });
});

test('elsewhere the end alone is printed, with everybody who was closed by the bound', async () => {
  expect(await shown(false, step(0), step(1, true))).toBe(
    '1 of 5 sidecars confirmed in 10 ms\nclosed by the bound (silent, so they hold nothing any more): pod-2, pod-3, pod-4, pod-5\n',
  );
});
