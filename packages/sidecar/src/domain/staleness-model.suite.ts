import type { Instant, Revocation, RevocationScope } from '@leasehold/core';
import { Secret } from '@leasehold/core';
import fc from 'fast-check';
import { coverage } from './coverage.ts';
import type { LeaseEntry } from './lease-entry.ts';
import { refusal } from './lease-liveness.ts';
import { type CursorStep, emptyCursor, onHello, onPingSent, onPong, onRevoked } from './revocation-cursor.ts';
import { type Answer, createTombstones, type Question } from './tombstones.ts';

/**
 * A model of broker, network and sidecar in which everything may wait as long as it likes: streams are FIFO, answers to Acquire and Renew race
 * them, replicas answer after their reading is old, streams break, the machine sleeps. The sidecar's rules are the real ones.
 * Asked at every step: is a lease usable whose liveness was read before a revocation that is older than `max_staleness`?
 */
const maxStalenessMs = 30;
const agentId = 'agent';
const epoch = 'e1';

export const flaws = [
  'none',
  'freshness_from_arrival',
  'no_tombstones',
  'head_read_last',
  'events_ignored',
  'resume_skips_events',
] as const;
export type Flaw = (typeof flaws)[number];

type Happening =
  | 'tick'
  | 'revoke'
  | 'resume'
  | 'ping'
  | 'read_head'
  | 'push_event'
  | 'push_pong'
  | 'deliver'
  | 'ask'
  | 'answer'
  | 'hear'
  | 'reconnect'
  | 'sleep'
  | 'step_wall'
  | 'round_trip'
  | 'lend';

/** What may happen, how often beside the others, and the range of its number. */
const happenings: Record<Happening, readonly [weight: number, min: number, max: number]> = {
  tick: [6, 1, 12],
  revoke: [3, 0, 3],
  resume: [3, 0, 0],
  ping: [6, 0, 0],
  read_head: [6, 0, 0],
  push_event: [3, 0, 0],
  push_pong: [6, 0, 0],
  deliver: [9, 1, 3],
  ask: [5, 0, 0],
  answer: [8, 0, 2],
  hear: [6, 0, 2],
  reconnect: [1, 0, 0],
  sleep: [1, 1, 60],
  step_wall: [1, -90, 90],
  // The same as some of the above, with nothing in between: what a quiet network does.
  round_trip: [6, 0, 0],
  lend: [4, 0, 0],
};

export interface Op {
  readonly what: Happening;
  readonly n: number;
}

export interface Run {
  /** Asleep and stepped back at once, neither clock tells the time that passed: outside the bound. So a run has one or the other. */
  readonly sleeps: boolean;
  readonly ops: readonly Op[];
}

const names = Object.keys(happenings).filter((name): name is Happening => name in happenings);
const op: fc.Arbitrary<Op> = fc.oneof(
  ...names.map((what) => {
    const [weight, min, max] = happenings[what];
    return { weight, arbitrary: fc.record({ what: fc.constant(what), n: fc.integer({ min, max }) }) };
  }),
);
export const run: fc.Arbitrary<Run> = fc.record({
  sleeps: fc.boolean(),
  ops: fc.array(op, { minLength: 20, maxLength: 160, size: 'max' }),
});

type Down = { readonly kind: 'event'; readonly event: Revocation } | { readonly kind: 'pong'; readonly id: number; readonly head: number };

/** An Acquire, or a Renew of `renews`, on its way through the broker: the head is read, then the parents, then the answer is let go. */
interface Call {
  readonly question: Question;
  readonly requestedAt: Instant;
  readonly renews: LeaseEntry | undefined;
  head: number | undefined;
  bornAt: number | undefined;
  isAnswered: boolean;
  isLive: boolean;
}

/** Throws when the bound is broken. Returns how often a lease was used and how often it was refused. */
export function play({ sleeps, ops }: Run, flaw: Flaw): { readonly used: number; readonly refused: number } {
  const tombstones = createTombstones({ maxEvents: 2 });
  const log: { readonly event: Revocation; readonly committedAt: number }[] = [];
  const born = new Map<LeaseEntry, number>();
  const usage = { used: 0, refused: 0 };
  let real = 0;
  let mono = 0;
  let wall = 0;
  let isLive = true;
  let cursor = settled(onHello(emptyCursor, { epoch, cursorSeq: 0, headSeq: 0, maxStalenessMs }));
  let sent = 0;
  let lastPing = 0;
  let up: number[] = [];
  let pongs: { readonly id: number; readonly head: number }[] = [];
  let down: Down[] = [];
  let calls: Call[] = [];
  let entry: LeaseEntry | undefined;
  let leases = 0;
  const now = (): Instant => ({ monoMs: mono, wallMs: wall });

  function settled(step: CursorStep): typeof emptyCursor {
    if (step.kind === 'broken') throw new Error(`the model sent what a broker never sends: ${step.why}`);
    return step.cursor;
  }

  function pushEvent(): void {
    const next = log[sent];
    if (next === undefined) return;
    sent += 1;
    down.push({ kind: 'event', event: next.event });
  }

  function deliver(): void {
    const message = down.shift();
    if (message === undefined) return;
    if (message.kind === 'pong') {
      const was = cursor.freshFrom;
      cursor = settled(onPong(cursor, message.id, message.head));
      if (flaw === 'freshness_from_arrival' && cursor.freshFrom !== was) cursor = { ...cursor, freshFrom: now() };
      return;
    }
    const { event } = message;
    cursor = settled(onRevoked(cursor, event.seq));
    if (flaw === 'events_ignored') return;
    tombstones.bury(event, agentId);
    if (entry !== undefined && coverage(event, agentId)(entry)) entry = undefined;
  }

  /** The three steps of a call at the broker, each at its own time. */
  function answer(call: Call): void {
    const readParents = (): void => {
      const since = call.renews === undefined ? log.length : (born.get(call.renews) ?? never());
      call.isLive = isLive && log.length === since;
      call.bornAt = log.length;
    };
    if (flaw === 'head_read_last') {
      if (call.bornAt === undefined) readParents();
      else if (call.head === undefined) call.head = log.length;
      else call.isAnswered = true;
    } else if (call.head === undefined) call.head = log.length;
    else if (call.bornAt === undefined) readParents();
    else call.isAnswered = true;
  }

  function hear(call: Call): void {
    calls = calls.filter((other) => other !== call);
    if (!call.isLive || call.head === undefined || call.bornAt === undefined) {
      tombstones.close(call.question);
      return;
    }
    leases += 1;
    const leaseId = call.renews?.leaseId ?? `lease-${leases}`;
    const said: Answer = { epoch, leaseId, grantId: 'grant', credentialId: 'credential', issuedAtSeq: call.head };
    const isKept = flaw === 'no_tombstones' || tombstones.flaw(call.question, said) === undefined;
    tombstones.close(call.question);
    if (!isKept) return;
    if (call.renews !== undefined) {
      if (entry !== call.renews) return;
      entry.requestedAt = call.requestedAt;
      born.set(entry, call.bornAt);
      return;
    }
    if (entry !== undefined) return;
    entry = { ...said, version: 1, secret: new Secret(new Uint8Array([1])), requestedAt: call.requestedAt, ttlMs: 500 };
    born.set(entry, call.bornAt);
  }

  function act({ what, n }: Op): void {
    if (what === 'tick') {
      real += n;
      mono += n;
      wall += n;
    } else if (what === 'sleep') {
      real += n;
      wall += n;
      if (!sleeps) mono += n;
    } else if (what === 'step_wall') {
      wall += sleeps ? Math.abs(n) : n;
    } else if (what === 'revoke' && isLive) {
      const scopes: RevocationScope[] = ['credential', 'grant', 'agent', 'tenant'];
      const scope = scopes[n] ?? 'tenant';
      const ids = { credential: 'credential', grant: 'grant', agent: agentId, tenant: 'tenant', lease: '' }[scope];
      isLive = false;
      log.push({ event: { seq: log.length + 1, scope, ids: [ids], reason: 'revoked' }, committedAt: real });
    } else if (what === 'resume') isLive = true;
    else if (what === 'ping') {
      lastPing += 1;
      cursor = onPingSent(cursor, lastPing, now());
      up.push(lastPing);
    } else if (what === 'read_head') {
      const id = up.shift();
      if (id !== undefined) pongs.push({ id, head: log.length });
    } else if (what === 'push_event') pushEvent();
    else if (what === 'push_pong') {
      const pong = pongs.shift();
      if (pong === undefined) return;
      while (sent < pong.head) pushEvent();
      down.push({ kind: 'pong', ...pong });
    } else if (what === 'deliver') for (let i = 0; i < n; i += 1) deliver();
    else if (what === 'ask' && calls.length < 3) {
      const question = tombstones.open({ epoch, seq: cursor.seq });
      calls.push({ question, requestedAt: now(), renews: entry, head: undefined, bornAt: undefined, isAnswered: false, isLive: false });
    } else if (what === 'answer') {
      const call = calls[n];
      if (call !== undefined) answer(call);
    } else if (what === 'hear') {
      const call = calls[n];
      if (call?.isAnswered === true) hear(call);
    } else if (what === 'reconnect') {
      [up, pongs, down] = [[], [], []];
      sent = flaw === 'resume_skips_events' ? log.length : cursor.seq;
      cursor = { ...cursor, seq: sent };
      cursor = settled(onHello(cursor, { epoch, cursorSeq: sent, headSeq: log.length, maxStalenessMs }));
    } else if (what === 'round_trip') {
      for (const step of ['ping', 'read_head', 'push_pong'] as const) act({ what: step, n: 0 });
      act({ what: 'deliver', n: down.length });
    } else if (what === 'lend' && calls.length === 0) {
      for (const step of ['ask', 'answer', 'answer', 'answer', 'hear'] as const) act({ what: step, n: 0 });
    }
  }

  for (const each of ops) {
    act(each);
    if (entry === undefined) continue;
    if (refusal(entry, now(), cursor) !== undefined) {
      usage.refused += 1;
      continue;
    }
    usage.used += 1;
    const bornAt = born.get(entry) ?? never();
    for (const { event, committedAt } of log) {
      const isLate = event.seq > bornAt && real > committedAt + maxStalenessMs;
      if (isLate) throw new Error(`used ${real - committedAt} ms after revocation ${event.seq} committed`);
    }
  }
  return usage;
}

function never(): never {
  throw new Error('unreachable');
}
