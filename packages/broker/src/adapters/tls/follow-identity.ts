import type { TlsIdentity } from './broker-identity.ts';

export interface FollowIdentityOptions {
  /** What is in use. */
  readonly identity: TlsIdentity;
  /** Looks again, and renews what nears its end. */
  readonly open: () => Promise<TlsIdentity>;
  readonly everyMs: number;
  readonly onChanged: (identity: TlsIdentity) => void;
  /** It goes on with what it has, and looks again in its time. */
  readonly onFault: (thrown: unknown) => void;
}

/** A broker runs for longer than its certificate lives: looks at it now and then until `ended` aborts, and says when there is another. */
export function followIdentity({ identity, open, everyMs, onChanged, onFault }: FollowIdentityOptions, ended: AbortSignal): void {
  let current = identity;
  async function look(): Promise<void> {
    const next = await open();
    if (ended.aborted || next.tls.certPem === current.tls.certPem) return;
    onChanged(next);
    current = next;
  }
  const timer = setInterval(() => void look().catch(onFault), everyMs);
  ended.addEventListener('abort', () => clearInterval(timer), { once: true });
}
