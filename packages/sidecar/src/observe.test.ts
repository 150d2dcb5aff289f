import { AppError } from '@leasehold/core';
import type { Logger } from '@leasehold/runtime';
import { beforeEach, expect, test } from 'vitest';
import type { SidecarMetrics } from './adapters/metrics/sidecar-metrics.ts';
import type { FollowerEvent } from './app/follower-events.ts';
import { observeFollower } from './observe.ts';

let lines: unknown[][];
let observe: (event: FollowerEvent) => void;

beforeEach(() => {
  lines = [];
  const at = (level: string) => (fields: object) => void lines.push([level, fields]);
  const log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  observe = observeFollower({} as SidecarMetrics, log as unknown as Logger);
});

test('a token that the broker does not take is a warning without a stack, and said once until something changes', () => {
  const why = new AppError('identity_invalid', 'This agent token is not valid.');
  for (let times = 0; times < 3; times += 1) observe({ kind: 'disconnected', why });
  observe({ kind: 'connected', isResumed: false });
  observe({ kind: 'disconnected', why });
  const warning = ['warn', { code: 'identity_invalid', why: 'This agent token is not valid.' }];
  const again = ['debug', { code: 'identity_invalid' }];
  expect(lines).toEqual([warning, again, again, ['info', { isResumed: false }], warning]);
});

test('what nobody foresaw is logged with all that is known', () => {
  const err = new TypeError('x');
  observe({ kind: 'disconnected', why: err });
  observe({ kind: 'disconnected', why: 'no pong for max_staleness' });
  expect(lines).toEqual([
    ['info', { err }],
    ['info', { why: 'no pong for max_staleness' }],
  ]);
});
