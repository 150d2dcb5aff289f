import { AppError, type LogHead } from '@leasehold/core';
import type { RevocationLog } from '../../ports/store.ts';
import type { HelloMessage, RevokedMessage } from '../../ports/watch-stream.ts';
import { decideStart, whyReset } from './decide-start.ts';
import type { Pace } from './pace.ts';
import type { Roster } from './roster.ts';
import type { Subscriber } from './subscriber.ts';
import { createTenantFeed, type TenantFeed } from './tenant-feed.ts';
import { withinTime } from './within-time.ts';

/** Who waits for something that a read of the log has to come before. */
export interface Waiting {
  /** Attached, not greeted yet. */
  readonly fresh: ReadonlySet<Subscriber>;
  /** With pings to answer or routes to send. */
  readonly asking: ReadonlySet<Subscriber>;
  /** Whether every tenant's log may have grown. */
  readonly isEveryone: boolean;
}

export interface Rounds {
  /**
   * One read of heads, begun after everything in `waiting` came in, and all that follows from it. Never two at once.
   * Returns those who could not be served because the store could not be read: nothing was said to them.
   */
  run(waiting: Waiting): Promise<ReadonlySet<Subscriber>>;
  feedOf(tenantId: string): TenantFeed | undefined;
  forget(tenantId: string): void;
}

export interface RoundsOptions {
  readonly log: Pick<RevocationLog, 'heads' | 'after'>;
  readonly roster: Roster;
  readonly pace: Pace;
  readonly pingIntervalMs: number;
  readonly maxStalenessMs: number;
  /** Events that a stream may be behind before it has to start over. */
  readonly maxReplay: number;
  readonly onGreeted: (subscriber: Subscriber) => void;
  /** A store that can't be read, for logs' safe fields. */
  readonly onFault: (thrown: unknown) => void;
}

export function createRounds({ log, roster, pace, pingIntervalMs, maxStalenessMs, maxReplay, onGreeted, onFault }: RoundsOptions): Rounds {
  const feeds = new Map<string, TenantFeed>();
  /** A read that takes longer than an answer is worth is given up. */
  const reading = <T>(read: Promise<T>): Promise<T> => withinTime(read, maxStalenessMs);

  const run = async ({ fresh, asking, isEveryone }: Waiting): Promise<ReadonlySet<Subscriber>> => {
    // INV-4: what has arrived by now is served by the read that begins below; what arrives later waits for the next one.
    for (const subscriber of asking) subscriber.collect();
    const tenantIds = new Set(isEveryone ? roster.tenants() : []);
    for (const { caller, isOpen } of [...fresh, ...asking]) if (isOpen) tenantIds.add(caller.tenantId);
    if (tenantIds.size === 0) return new Set();
    const heads = await readHeads([...tenantIds]);
    const current = new Map<string, LogHead>();
    for (const tenantId of heads === undefined ? [] : tenantIds) {
      const head = heads?.get(tenantId);
      if (head instanceof AppError) onFault(head);
      else if (head === undefined)
        await endAll(tenantId, { kind: 'error', error: new AppError('identity_invalid', 'This tenant is gone.') });
      else if (await catchUp(tenantId, head)) current.set(tenantId, head);
    }
    for (const subscriber of fresh) {
      const head = current.get(subscriber.caller.tenantId);
      if (head === undefined) refuse(subscriber);
      else if (subscriber.isOpen) await greet(subscriber, head);
      await pace.step();
    }
    const unserved = new Set<Subscriber>();
    for (const subscriber of asking) {
      const head = current.get(subscriber.caller.tenantId);
      if (head !== undefined) subscriber.serve(head.seq);
      else if (subscriber.isOpen) unserved.add(subscriber);
      await pace.step();
    }
    return unserved;
  };

  const readHeads = async (tenantIds: readonly string[]): Promise<ReadonlyMap<string, LogHead | AppError> | undefined> => {
    try {
      return await reading(log.heads(tenantIds));
    } catch (thrown) {
      onFault(thrown);
      return undefined;
    }
  };

  /** Sends the tenant's streams every event up to `head`. False when the log could not be read that far. */
  const catchUp = async (tenantId: string, head: LogHead): Promise<boolean> => {
    const known = feeds.get(tenantId);
    const reset = known === undefined ? undefined : whyReset(known.head, head, maxReplay);
    if (reset !== undefined) await endAll(tenantId, { kind: 'reset', why: reset });
    const feed = known === undefined || reset !== undefined ? createTenantFeed(log, tenantId, head) : known;
    feeds.set(tenantId, feed);
    try {
      while (feed.head.seq < head.seq) {
        const page = await reading(feed.next(head.seq));
        if (page !== undefined) await broadcast(tenantId, feed.accept(page));
        else {
          await endAll(tenantId, { kind: 'reset', why: 'log truncated' });
          feeds.delete(tenantId);
          return false;
        }
      }
      return true;
    } catch (thrown) {
      onFault(thrown);
      return false;
    }
  };

  const broadcast = async (tenantId: string, events: readonly RevokedMessage[]): Promise<void> => {
    for (const subscriber of roster.ofTenant(tenantId)) {
      for (const event of events) subscriber.deliver(event);
      await pace.step(events.length);
    }
  };

  const greet = async (subscriber: Subscriber, head: LogHead): Promise<void> => {
    const { caller, start } = subscriber;
    const decision = decideStart(start, head, maxReplay);
    if (decision.kind === 'reset') return subscriber.end(decision);
    subscriber.greet({ ...helloOf(head), cursorSeq: decision.cursorSeq });
    const feed = feeds.get(caller.tenantId);
    while (subscriber.isOpen && feed !== undefined && subscriber.sentSeq !== undefined && subscriber.sentSeq < feed.head.seq) {
      const events = await reading(feed.replay(subscriber.sentSeq)).catch(onFault);
      if (events === undefined) return subscriber.end({ kind: 'reset', why: 'log truncated' });
      for (const event of events) subscriber.deliver(event);
      await pace.step(events.length);
    }
    onGreeted(subscriber);
  };

  const helloOf = ({ epoch, seq }: LogHead): Omit<HelloMessage, 'cursorSeq'> => ({
    kind: 'hello',
    epoch,
    headSeq: seq,
    pingIntervalMs,
    maxStalenessMs,
  });

  /** Those already greeted; who is fresh can begin under whatever holds now. */
  const endAll = async (tenantId: string, how: Parameters<Subscriber['end']>[0]): Promise<void> => {
    for (const subscriber of roster.ofTenant(tenantId)) {
      if (subscriber.sentSeq !== undefined || how.kind === 'error') subscriber.end(how);
      await pace.step();
    }
  };

  const refuse = (subscriber: Subscriber) =>
    subscriber.end({
      kind: 'error',
      error: new AppError('store_unavailable', 'The broker can not read its store now. Try again, or try another replica.', {
        retryAfterS: 1,
      }),
    });

  return { run, feedOf: (tenantId) => feeds.get(tenantId), forget: (tenantId) => feeds.delete(tenantId) };
}
