import type { LogHead } from '@leasehold/core';

/** Where a stream begins, or why the sidecar has to start over. */
export type StartDecision = { readonly kind: 'from'; readonly cursorSeq: number } | { readonly kind: 'reset'; readonly why: string };

/** A sidecar that holds nothing begins at the head; one that is behind a little gets what it missed; any other one has to wipe. */
export function decideStart(start: LogHead | undefined, head: LogHead, maxReplay: number): StartDecision {
  if (start === undefined) return { kind: 'from', cursorSeq: head.seq };
  if (start.epoch !== head.epoch) return { kind: 'reset', why: 'epoch changed' };
  if (start.seq > head.seq) return { kind: 'reset', why: 'ahead of the log' };
  if (head.seq - start.seq > maxReplay) return { kind: 'reset', why: 'too far behind' };
  return { kind: 'from', cursorSeq: start.seq };
}

/** Whether streams that were told `from` can go on to `to`; undefined means they can. */
export function whyReset(from: LogHead, to: LogHead, maxReplay: number): string | undefined {
  const decision = decideStart(from, to, maxReplay);
  return decision.kind === 'reset' ? decision.why : undefined;
}
