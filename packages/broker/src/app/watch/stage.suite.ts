import { AppError, type Clock, type LogHead, type Route } from '@leasehold/core';
import type { RevocationSignal } from '../../ports/revocation-signal.ts';
import type { LoggedRevocation, NewRevocation, RevocationLog } from '../../ports/store.ts';
import type { SessionClaims } from '../../ports/use-cases.ts';
import type { WatchEnd, Watcher, WatchMessage, WatchSink } from '../../ports/watch-stream.ts';
import { createWatchRevocations, type WatchRevocationsOptions } from '../watch-revocations.ts';

/** What the hub's tests play on: a log in memory that can be held up, recording sinks, and a clock that moves by hand. */

export interface TestLog extends RevocationLog {
  commit(tenantId?: string, revocation?: Partial<NewRevocation>): number;
  /** As after a restore of the database: another epoch, and only the first rows. */
  restore(tenantId: string, epoch: string, keep: number): void;
  cutOff(tenantId: string, upTo: number): void;
  /** What the database holds of this tenant can't be read any more: its rows, and its head as well or not. */
  damage(tenantId: string, what: 'rows' | 'head'): void;
  touch(agentId: string): void;
  head(tenantId?: string): LogHead;
  /** Reads of heads so far. */
  reads: number;
  /** Called by every read, after it began and before it looks. */
  before: (read: 'heads' | 'after' | 'revision' | 'agents') => Promise<void>;
}

export function createTestLog(clock: Clock): TestLog {
  const tenants = new Map<string, { epoch: string; seq: number; rows: LoggedRevocation[] }>();
  const touched: string[] = [];
  const damaged = new Map<string, 'rows' | 'head'>();
  const unreadable = new AppError('store_unavailable', 'damaged');
  const of = (tenantId: string) => {
    const found = tenants.get(tenantId) ?? { epoch: 'e1', seq: 0, rows: [] };
    tenants.set(tenantId, found);
    return found;
  };
  const log: TestLog = {
    reads: 0,
    before: async () => {},
    commit(tenantId = 't1', { scope = 'grant', ids = ['g1'], reason = 'revoked' } = {}) {
      const tenant = of(tenantId);
      tenant.seq += 1;
      tenant.rows.push({ seq: tenant.seq, scope, ids, reason, at: clock.now().wallMs });
      return tenant.seq;
    },
    restore(tenantId, epoch, keep) {
      const tenant = of(tenantId);
      tenants.set(tenantId, { epoch, seq: keep, rows: tenant.rows.slice(0, keep) });
    },
    cutOff(tenantId, upTo) {
      const tenant = of(tenantId);
      tenant.rows = tenant.rows.filter(({ seq }) => seq > upTo);
    },
    damage: (tenantId, what) => damaged.set(tenantId, what),
    touch: (agentId) => touched.push(agentId),
    head: (tenantId = 't1') => ({ epoch: of(tenantId).epoch, seq: of(tenantId).seq }),
    async heads(tenantIds) {
      log.reads++;
      await log.before('heads');
      const known = tenantIds.filter((id) => tenants.has(id));
      return new Map(known.map((id) => [id, damaged.get(id) === 'head' ? unreadable : log.head(id)]));
    },
    async after(tenantId, after, limit) {
      await log.before('after');
      if (damaged.has(tenantId)) throw unreadable;
      const { epoch, rows } = of(tenantId);
      return epoch === after.epoch ? rows.filter(({ seq }) => seq > after.seq).slice(0, limit) : [];
    },
    async revision() {
      await log.before('revision');
      return touched.length;
    },
    async agentsChangedAfter(revision) {
      await log.before('agents');
      return { revision: touched.length, agentIds: [...new Set(touched.slice(revision))] };
    },
  };
  of('t1');
  return log;
}

export interface TestSink extends WatchSink {
  readonly sent: WatchMessage[];
  how: WatchEnd | undefined;
  /** Messages that may still be queued. */
  room: number;
}

export function createTestSink(room: number = Number.POSITIVE_INFINITY): TestSink {
  const sink: TestSink = {
    sent: [],
    how: undefined,
    room,
    send(message) {
      if (sink.how !== undefined) throw new Error('sent after the end');
      if (sink.room <= 0) return false;
      sink.room--;
      sink.sent.push(message);
      return true;
    },
    end(how) {
      if (sink.how !== undefined) throw new Error('ended twice');
      sink.how = how;
    },
  };
  return sink;
}

/** `hello@0/3 routes:1 revoked:4 pong:1@4 !reset epoch changed`: what a stream was told, in order. */
export function told({ sent, how }: TestSink): string {
  const parts = sent.map(shown);
  if (how !== undefined) parts.push(how.kind === 'reset' ? `!reset ${how.why}` : `!${how.error.code}`);
  return parts.join(' ');
}

function shown(message: WatchMessage): string {
  switch (message.kind) {
    case 'hello':
      return `hello@${message.cursorSeq}/${message.headSeq}`;
    case 'routes':
      return `routes:${message.routes.map((route) => (route.status === 'not_granted' ? route.credentialName : route.version)).join(',')}`;
    case 'revoked':
      return `revoked:${message.event.seq}`;
    case 'pong':
      return `pong:${message.id}@${message.headSeq}`;
  }
}

export function routeOf(version: number): Route {
  return {
    credentialId: 'c1',
    credentialName: 'openai',
    grantId: 'g1',
    version,
    status: 'active',
    destinations: [],
    injection: { kind: 'query', name: 'key' },
    placeholder: undefined,
    environment: [],
    service: undefined,
    limits: { methods: [], pathPrefixes: [], ratePerMinute: undefined },
  };
}

export interface Joined extends Watcher {
  readonly sink: TestSink;
  leave(): void;
}

export interface Stage {
  readonly log: TestLog;
  readonly hub: ReturnType<typeof createWatchRevocations>;
  readonly faults: unknown[];
  readonly latencies: number[];
  readonly routes: Map<string, readonly Route[] | AppError>;
  readonly routeReads: string[];
  nowMs: number;
  notify(): void;
  join(who?: Partial<SessionClaims>, start?: LogHead, sink?: TestSink): Joined;
  close(): void;
}

export function createStage(options: Partial<WatchRevocationsOptions> = {}): Stage {
  const end = new AbortController();
  let nowMs = 1_000_000;
  const clock: Clock = { now: () => ({ monoMs: nowMs, wallMs: nowMs }) };
  const log = createTestLog(clock);
  let notify = () => {};
  const signal: RevocationSignal = { notify: () => notify(), subscribe: (listener) => (notify = listener) };
  const faults: unknown[] = [];
  const latencies: number[] = [];
  const routes = new Map<string, readonly Route[] | AppError>();
  const routeReads: string[] = [];
  const hub = createWatchRevocations({
    log,
    routesOf: async ({ agentId }) => {
      routeReads.push(agentId);
      const found = routes.get(agentId) ?? [routeOf(1)];
      if (found instanceof Error) throw found;
      return found;
    },
    signal,
    clock,
    pingIntervalMs: 1_000,
    maxStalenessMs: 3_000,
    forebearsMs: 0,
    breathe: async () => {},
    onConfirmed: (ms) => latencies.push(ms),
    onFault: (thrown) => faults.push(thrown),
    ended: end.signal,
    ...options,
  });
  let joined = 0;
  const stage: Stage = {
    log,
    hub,
    faults,
    latencies,
    routes,
    routeReads,
    get nowMs() {
      return nowMs;
    },
    set nowMs(ms) {
      nowMs = ms;
    },
    notify: () => notify(),
    join(who = {}, start = undefined, sink = createTestSink()) {
      const left = new AbortController();
      joined++;
      const caller = {
        tenantId: 't1',
        agentId: 'a1',
        tokenVersion: 1,
        instanceId: `i${joined}`,
        instanceName: `pod-${joined}`,
        expiresAt: Number.MAX_SAFE_INTEGER,
        ...who,
      };
      return { ...hub.attach(caller, start, sink, left.signal), sink, leave: () => left.abort() };
    },
    close: () => end.abort(),
  };
  return stage;
}
