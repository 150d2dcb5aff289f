import { elapsedMs, type Instant } from '@leasehold/core';

/**
 * What this sidecar knows of its tenant's revocation log, and since when it is sure of it (INV-4, INV-5).
 *
 * Freshness is knowledge, not a property of a stream: "every revocation committed before `freshFrom` has been applied here" was proved by a
 * head that some replica read from the one log after our ping came in, and by having applied everything up to that head. No reconnect can make
 * it untrue, whichever replica answers next, so a resumed cursor keeps it until it runs out. What could make it untrue is another log: an epoch
 * that changed, a gap, or a head that went backwards. Each of these breaks the cursor, and then nothing said before holds.
 */
export interface RevocationCursor {
  /** Undefined when nothing is known: out of step, whatever the other fields say. */
  readonly epoch: string | undefined;
  /** Everything up to here is applied. */
  readonly seq: number;
  readonly maxStalenessMs: number;
  /** When the newest ping was sent whose answer named a head that is applied here. */
  readonly freshFrom: Instant | undefined;
  /** Not answered yet, oldest first. */
  readonly sentPings: readonly SentPing[];
}

interface SentPing {
  readonly id: number;
  readonly at: Instant;
  /** What was applied when it left: the log can't be shorter than this by then. */
  readonly seq: number;
}

/** A message of the stream either moves the cursor or shows that it is worth nothing: then wipe, and start over from `emptyCursor`. */
export type CursorStep = { readonly kind: 'moved'; readonly cursor: RevocationCursor } | { readonly kind: 'broken'; readonly why: string };

export const emptyCursor: RevocationCursor = { epoch: undefined, seq: 0, maxStalenessMs: 0, freshFrom: undefined, sentPings: [] };

/** More than a stream ever has open: it is given up after `max_staleness` without an answer. */
const maxSentPings = 64;

export interface CursorHello {
  readonly epoch: string;
  readonly cursorSeq: number;
  readonly headSeq: number;
  readonly maxStalenessMs: number;
}

/** Whether everything committed up to `maxStalenessMs` ago is known to be applied. Called for each request: allocates nothing. */
export function inStep(cursor: RevocationCursor, now: Instant): boolean {
  return cursor.epoch !== undefined && cursor.freshFrom !== undefined && elapsedMs(cursor.freshFrom, now) < cursor.maxStalenessMs;
}

/** A stream begins: what was proved on the one before stands, its open pings will not be answered. */
export function onHello(cursor: RevocationCursor, hello: CursorHello): CursorStep {
  if (hello.epoch === '' || !(hello.maxStalenessMs > 0)) return broken('the broker said hello without an epoch or a staleness limit');
  if (hello.headSeq < hello.cursorSeq) return broken('the log ends before the place where the stream begins');
  const { epoch, cursorSeq: seq, maxStalenessMs } = hello;
  if (cursor.epoch === undefined) return moved({ ...emptyCursor, epoch, seq, maxStalenessMs });
  if (epoch !== cursor.epoch) return broken('the epoch changed');
  if (seq !== cursor.seq) return broken('the stream was resumed at another place than asked for');
  return moved({ ...cursor, maxStalenessMs, sentPings: [] });
}

/** Events come gap-free: one that is missing, doubled or out of order means that others may be missing, too. */
export function onRevoked(cursor: RevocationCursor, seq: number): CursorStep {
  if (cursor.epoch === undefined) return broken('an event came before hello');
  if (seq !== cursor.seq + 1) return broken(`event ${seq} came after event ${cursor.seq}`);
  return moved({ ...cursor, seq });
}

/** Ids never repeat, not even on another stream. */
export function onPingSent(cursor: RevocationCursor, id: number, at: Instant): RevocationCursor {
  return { ...cursor, sentPings: [...cursor.sentPings.slice(1 - maxSentPings), { id, at, seq: cursor.seq }] };
}

/** Counts from when the ping was *sent*: how long its answer took, or lay in a buffer, stretches nothing (INV-4). Older and unknown ids prove nothing new. */
export function onPong(cursor: RevocationCursor, id: number, headSeq: number): CursorStep {
  const ping = cursor.sentPings.find((sent) => sent.id === id);
  if (ping === undefined) return moved(cursor);
  if (headSeq > cursor.seq) return broken(`the log's head is ${headSeq}, but event ${cursor.seq + 1} never came`);
  if (headSeq < ping.seq) return broken(`the log went back to ${headSeq} from ${ping.seq}`);
  return moved({ ...cursor, freshFrom: ping.at, sentPings: cursor.sentPings.filter((sent) => sent.id > id) });
}

function moved(cursor: RevocationCursor): CursorStep {
  return { kind: 'moved', cursor };
}

function broken(why: string): CursorStep {
  return { kind: 'broken', why };
}
