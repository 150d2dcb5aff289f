import type { Instant } from '@leasehold/core';
import { beforeEach, expect, test } from 'vitest';
import { createRoster, type Roster } from './roster.ts';
import { createSubscriber, type Subscriber } from './subscriber.ts';

let nowMs: number;
let roster: Roster;
let joined: number;

beforeEach(() => {
  nowMs = 0;
  joined = 0;
  const now = (): Instant => ({ monoMs: nowMs, wallMs: nowMs });
  roster = createRoster({ clock: { now }, maxStalenessMs: 3_000, maxDeparted: 3 });
});

function join(tenantId: string, as = joined + 1): Subscriber {
  joined = as;
  const instance = { instanceId: `i${joined}`, instanceName: `pod-${joined}` };
  const subscriber = createSubscriber({
    caller: { tenantId, agentId: `agent of ${tenantId}`, tokenVersion: 1, expiresAt: 1e15, ...instance },
    start: undefined,
    sink: { send: () => true, end: () => {} },
    connectedAt: { monoMs: 0, wallMs: 0 },
    onEnd: () => {},
    onFault: () => {},
  });
  subscriber.greet({ kind: 'hello', epoch: 'e1', cursorSeq: 0, headSeq: 0, pingIntervalMs: 1_000, maxStalenessMs: 3_000 });
  roster.join(subscriber);
  return subscriber;
}

function comeAndGo(tenantId: string): void {
  roster.leave(join(tenantId));
}

const names = (tenantId: string) => [...roster.departedOf(tenantId).values()].map(({ caller }) => caller.instanceName);

test('who left is remembered for max_staleness, by tenant', () => {
  comeAndGo('one');
  nowMs = 1_000;
  comeAndGo('two');
  expect([names('one'), names('two'), [...roster.tenantsSeen()]]).toEqual([['pod-1'], ['pod-2'], ['one', 'two']]);
  nowMs = 3_000;
  expect([names('one'), names('two'), [...roster.tenantsSeen()]]).toEqual([[], ['pod-2'], ['two']]);
});

test('where there is no room for all who left, the tenant with the most gives way, and says so for as long as they may be in step', () => {
  comeAndGo('one');
  for (let n = 0; n < 3; n++) comeAndGo('flood');
  expect([names('one'), names('flood')]).toEqual([['pod-1'], ['pod-3', 'pod-4']]);
  expect([roster.forgottenForMs('one'), roster.forgottenForMs('flood')]).toEqual([0, 3_000]);
  nowMs = 2_999;
  expect(roster.forgottenForMs('flood')).toBe(1);
  nowMs = 3_000;
  expect(roster.forgottenForMs('flood')).toBe(0);
  expect([...roster.tenantsSeen()]).toEqual([]);
});

test('a sidecar that came back and left again is remembered from the second time, and keeps nobody else from being forgotten', () => {
  comeAndGo('one');
  nowMs = 1_000;
  comeAndGo('one');
  nowMs = 2_000;
  roster.leave(join('one', 1));
  expect(names('one').toSorted()).toEqual(['pod-1', 'pod-2']);
  nowMs = 4_500;
  expect(names('one')).toEqual(['pod-1']);
  nowMs = 5_000;
  expect(names('one')).toEqual([]);
});
