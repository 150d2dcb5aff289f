import type { ChangeOf, ConfirmationResource } from '@leasehold/contract/admin';
import { AppError } from '@leasehold/core';
import type { Operation } from './command.ts';
import type { Printer } from './output/printer.ts';

/** Prints a change, and with `--wait` follows how the sidecars confirm what it revoked. */
export async function reportChange<T extends object>(
  operation: Operation,
  change: ChangeOf<T>,
  sentence: string,
  isWaiting: boolean,
): Promise<void> {
  const { client, out } = operation;
  const { item, revocation } = change;
  if (out.isJson) out.json({ ...item, committed_at: revocation?.committed_at ?? null });
  else out.line(sentence);
  if (isWaiting && revocation !== null) await reportConfirmations(out, client.confirmations(await operation.tenant(), revocation));
}

/** How sidecars confirm a revocation: live on a terminal, a line at the end elsewhere, one object a step for programs. */
export async function reportConfirmations(out: Printer, steps: AsyncIterable<ConfirmationResource>): Promise<void> {
  for await (const step of committed(steps)) {
    const { outstanding, done } = step;
    const text = `${step.confirmed_count} of ${step.total} sidecars confirmed in ${step.elapsed_ms} ms`;
    if (out.isJson) out.json(step);
    else if (!done)
      out.progress(
        `${text}; waiting for ${outstanding.length === 0 ? 'whoever this broker does not know' : someOf(outstanding, step.total - step.confirmed_count)}`,
      );
    else {
      out.progress('');
      out.line(text);
      if (outstanding.length > 0) out.line(`closed by the bound (silent, so they hold nothing any more): ${outstanding.join(', ')}`);
    }
  }
}

/** A terminal's line has room for a few. */
const namesShown = 3;

function someOf(names: readonly string[], of: number): string {
  const more = of - Math.min(names.length, namesShown);
  return `${names.slice(0, namesShown).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/** Nothing is in doubt but who has confirmed: whoever is told otherwise in an emergency looks in the wrong place. */
async function* committed(steps: AsyncIterable<ConfirmationResource>): AsyncIterable<ConfirmationResource> {
  try {
    yield* steps;
  } catch (thrown) {
    const cause = AppError.from(thrown);
    const message =
      'The change is committed; who has confirmed it is not known, since the broker stopped telling. Every sidecar closes itself by max_staleness after the commit.\nTo see who has confirmed, give the same command again.';
    throw new AppError(cause.code, message, { cause });
  }
}
