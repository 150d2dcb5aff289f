import type { LogHead } from '@leasehold/core';
import type { LoggedRevocation, RevocationLog } from '../../ports/store.ts';
import type { RevokedMessage } from '../../ports/watch-stream.ts';

/** One tenant's log as it is sent: each event is one message object, whatever the number of streams. */
export interface TenantFeed {
  /** Everything up to here was read and handed on. */
  readonly head: LogHead;
  /** The next page after the head, at most up to `seq`. Undefined when the log has a hole there. */
  next(seq: number): Promise<readonly LoggedRevocation[] | undefined>;
  /** Moves the head over a page that is handed on in this very tick: a read that was given up must move nothing. */
  accept(page: readonly LoggedRevocation[]): readonly RevokedMessage[];
  /** The page after `after`, up to the head, from memory if it is there. */
  replay(after: number): Promise<readonly RevokedMessage[] | undefined>;
  /** When an event was committed (wall clock, ms), if it is still in memory. */
  committedAt(seq: number): number | undefined;
}

const pageSize = 500;
/** What reconnecting sidecars usually miss. */
const keptEvents = 1_024;

export function createTenantFeed(log: Pick<RevocationLog, 'after'>, tenantId: string, begin: LogHead): TenantFeed {
  let head = begin;
  // Ends at the head, without a gap.
  let kept: readonly { readonly message: RevokedMessage; readonly at: number }[] = [];

  const page = async (after: number, upTo: number) => {
    const rows = await log.after(tenantId, { ...head, seq: after }, Math.min(pageSize, upTo - after));
    return isGapFree(rows, after) ? rows : undefined;
  };

  return {
    get head() {
      return head;
    },
    next: (seq) => page(head.seq, seq),
    accept(rows) {
      const next = rows.map(toKept);
      head = { ...head, seq: head.seq + next.length };
      kept = [...kept, ...next].slice(-keptEvents);
      return next.map(({ message }) => message);
    },
    async replay(after) {
      const missing = head.seq - after;
      if (missing <= kept.length) return kept.slice(kept.length - missing, kept.length - missing + pageSize).map(({ message }) => message);
      return (await page(after, head.seq))?.map((row) => toKept(row).message);
    },
    committedAt(seq) {
      return kept[kept.length - 1 - (head.seq - seq)]?.at;
    },
  };
}

/** No rows where there must be some is a hole, too. */
function isGapFree(rows: readonly LoggedRevocation[], after: number): boolean {
  return rows.length > 0 && rows.every(({ seq }, index) => seq === after + 1 + index);
}

function toKept({ at, ...event }: LoggedRevocation): { readonly message: RevokedMessage; readonly at: number } {
  return { message: { kind: 'revoked', event }, at };
}
