import { AppError, type Clock } from '@leasehold/core';
import { type Backoff, backoffMs } from '../domain/backoff.ts';
import type { Broker, UseBatch } from '../ports/broker.ts';
import type { UseLog } from '../ports/use-log.ts';
import { pause } from './pause.ts';
import { createUseWindow } from './use-window.ts';

/** Reports what was done to the broker's audit trail: at least once, in order, bounded while the broker is away. */
export interface UseReporter extends UseLog {
  /** Reports once a window until the signal aborts, then what is left, trying once. Never throws. */
  run(ended: AbortSignal): Promise<void>;
  /** Batches that the broker has not confirmed. */
  readonly unsent: number;
}

/** For metrics and logs. */
export type UseReportEvent =
  | { readonly kind: 'reported'; readonly records: number }
  | { readonly kind: 'report_failed'; readonly why: AppError }
  /** The broker will never take these: counted as dropped in a later batch, if there is one. */
  | { readonly kind: 'report_lost'; readonly requests: number; readonly why: AppError };

export interface UseLogOptions {
  readonly broker: Pick<Broker, 'reportUse'>;
  readonly clock: Clock;
  readonly random: () => number;
  readonly windowMs: number;
  /** Batches kept for an absent broker. Once they are full the open window goes on counting, with paths folded. */
  readonly maxUnsent: number;
  readonly retry: Backoff;
  readonly onEvent: (event: UseReportEvent) => void;
}

export function createUseLog(options: UseLogOptions): UseReporter {
  const { broker, onEvent } = options;
  const window = createUseWindow(options.clock);
  const unsent: UseBatch[] = [];
  let lastBatchSeq = 0;
  let failures = 0;

  function seal(isLast = false): void {
    if (unsent.length >= options.maxUnsent && !isLast) return;
    const taken = window.take();
    if (taken === undefined) return;
    lastBatchSeq += 1;
    unsent.push({ batchSeq: lastBatchSeq, ...taken });
  }

  /** Sends what is waiting, oldest first; stops at the first failure. A batch keeps its number until it is confirmed, so that none counts twice. */
  async function send(): Promise<AppError | undefined> {
    for (let batch = unsent[0]; batch !== undefined; batch = unsent[0]) {
      try {
        await broker.reportUse(batch);
        failures = 0;
        onEvent({ kind: 'reported', records: batch.records.length });
      } catch (thrown) {
        const why = AppError.from(thrown);
        if (why.code !== 'invalid_argument') {
          failures += 1;
          onEvent({ kind: 'report_failed', why });
          return why;
        }
        const requests = requestsIn(batch);
        window.lose(requests);
        onEvent({ kind: 'report_lost', requests, why });
      }
      unsent.shift();
    }
    return undefined;
  }

  return {
    record: window.record,
    async run(ended) {
      while (!ended.aborted) {
        await pause(failures === 0 ? options.windowMs : backoffMs(options.retry, failures - 1, options.random()), ended);
        if (ended.aborted) break;
        seal();
        await send();
      }
      seal(true);
      const why = await send();
      const lost = unsent.reduce((sum, batch) => sum + requestsIn(batch), 0);
      if (why !== undefined && lost > 0) onEvent({ kind: 'report_lost', requests: lost, why });
    },
    get unsent() {
      return unsent.length;
    },
  };
}

function requestsIn({ dropped, records }: UseBatch): number {
  return dropped + records.reduce((sum, record) => sum + record.count, 0);
}
