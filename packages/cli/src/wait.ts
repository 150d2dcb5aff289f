import type { ChangeOf } from '@leasehold/contract/admin';
import type { Operation } from './command.ts';

/** Prints a change, and with `--wait` follows how the sidecars confirm what it revoked. */
export async function reportChange<T extends object>(
  operation: Operation,
  change: ChangeOf<T>,
  sentence: string,
  isWaiting: boolean,
): Promise<void> {
  const { client, out } = operation;
  const { item, revocation } = change;
  if (out.isJson && !(isWaiting && revocation !== null)) out.json({ ...item, committed_at: revocation?.committed_at ?? null });
  else if (!out.isJson) out.line(sentence);
  if (!isWaiting || revocation === null) return;
  for await (const progress of client.confirmations(await operation.tenant(), revocation)) {
    if (out.isJson) {
      out.json(progress);
      continue;
    }
    const { confirmed, total, elapsed_ms, outstanding, done } = progress;
    const text = `${confirmed.length} of ${total} sidecars confirmed in ${elapsed_ms} ms`;
    out.progress(text);
    if (!done) continue;
    out.progress('');
    out.line(text);
    if (outstanding.length > 0) out.line(`closed by the bound (silent, so they hold nothing any more): ${outstanding.join(', ')}`);
  }
}
