import { beforeEach, expect, test } from 'vitest';
import type { WatchEnd, WatchMessage } from '../../ports/watch-stream.ts';
import { createSubscriber, type Subscriber } from './subscriber.ts';

const caller = { tenantId: 't1', agentId: 'a1', tokenVersion: 1, instanceId: 'i1', instanceName: 'pod-1', expiresAt: 1e15 };
const event = (seq: number): WatchMessage & { readonly kind: 'revoked' } => ({
  kind: 'revoked',
  event: { seq, scope: 'tenant', ids: ['t1'], reason: 'killed' },
});
let said: (WatchMessage['kind'] | WatchEnd['kind'])[];
let subscriber: Subscriber;

beforeEach(() => {
  said = [];
  subscriber = createSubscriber({
    caller,
    start: undefined,
    sink: {
      send: ({ kind }) => {
        said.push(kind);
        return true;
      },
      end: ({ kind }) => void said.push(kind),
    },
    connectedAt: { monoMs: 0, wallMs: 0 },
    onEnd: () => {},
    onFault: () => {},
  });
  subscriber.greet({ kind: 'hello', epoch: 'e1', cursorSeq: 5, headSeq: 5, pingIntervalMs: 1_000, maxStalenessMs: 3_000 });
  subscriber.stage({ kind: 'routes', routes: [] }, 'none');
});

/** A ping that arrived, and the read that was begun after it. */
function served(headSeq: number): void {
  subscriber.ping(1);
  subscriber.collect();
  subscriber.serve(headSeq);
}

test('INV-4: a pong follows all events up to the head that it names', () => {
  subscriber.deliver(event(6));
  served(6);
  expect(said).toEqual(['hello', 'revoked', 'routes', 'pong']);
});

test('INV-4: where an event up to that head was not sent, the stream ends, and no pong says otherwise', () => {
  served(6);
  expect(said).toEqual(['hello', 'error']);
});

test('an event that was missed ends the stream; one that it had is passed over', () => {
  subscriber.deliver(event(5));
  subscriber.deliver(event(7));
  expect(said).toEqual(['hello', 'error']);
  expect(subscriber.sentSeq).toBe(5);
});

test('a confirmation of what was never sent ends the stream, and confirms nothing', () => {
  subscriber.confirm(6);
  expect([said.at(-1), subscriber.appliedSeq]).toEqual(['error', 5]);
});

test('INV-4: who is dismissed is told what dismissed it, and leaves once that is confirmed; no pong keeps it in step meanwhile', () => {
  served(5);
  expect(subscriber.dismiss({ kind: 'reset', why: 'gone' })).toBe(true);
  // By a read that may have begun before the commit.
  subscriber.serve(5);
  expect([said, subscriber.isOpen]).toEqual([['hello', 'routes', 'pong'], true]);
  subscriber.deliver(event(6));
  served(6);
  expect([said, subscriber.isOpen]).toEqual([['hello', 'routes', 'pong', 'revoked'], true]);
  subscriber.confirm(6);
  expect([said.at(-1), subscriber.isOpen]).toEqual(['reset', false]);
});

test('who is dismissed and has confirmed everything already leaves by the next read', () => {
  subscriber.dismiss({ kind: 'reset', why: 'gone' });
  served(5);
  expect(said).toEqual(['hello', 'reset']);
  expect(subscriber.dismiss({ kind: 'reset', why: 'again' })).toBe(false);
});

test('THREATS 34: pings that wait for routes that do not come are bounded, however many reads there were meanwhile', () => {
  const flooding = createSubscriber({
    caller,
    start: undefined,
    sink: { send: () => true, end: ({ kind }) => void said.push(kind) },
    connectedAt: { monoMs: 0, wallMs: 0 },
    onEnd: () => {},
    onFault: () => {},
  });
  flooding.greet({ kind: 'hello', epoch: 'e1', cursorSeq: 5, headSeq: 5, pingIntervalMs: 1_000, maxStalenessMs: 3_000 });
  for (let id = 1; id <= 65; id += 1) {
    flooding.ping(id);
    flooding.collect();
    flooding.serve(5);
  }
  expect([flooding.isOpen, said.at(-1)]).toEqual([false, 'error']);
});
