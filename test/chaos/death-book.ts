/** Request: the secret stood in a head. Stream: bytes reached the agent on a stream that was opened with it. */
export type UseKind = 'request' | 'stream';

/** One value of one credential in the hands of one agent. */
export interface LentValue {
  readonly agent: string;
  readonly credential: string;
  /** Counted by the test: each value is made once and never comes back. */
  readonly version: number;
}

export interface LateUse extends LentValue {
  readonly kind: UseKind;
  readonly latenessMs: number;
}

/**
 * When each value died, by the commit that killed it, and when it was seen last. Both may come in any order: a use is often seen before the
 * answer that tells of the commit.
 */
export interface DeathBook {
  /** The value may be used from now on: called before that is asked for. */
  allow(credential: string, version: number): void;
  /** `agent` undefined: for every agent. The earliest of several deaths counts. */
  died(credential: string, version: number, agent: string | undefined, committedAtMs: number): void;
  /** The agent's sidecar said that it has purged the value: nothing may follow. */
  confirmed(credential: string, version: number, agent: string, atMs: number): void;
  /** `atMs`: a time before which the use did not arrive. */
  seen(kind: UseKind, value: LentValue, atMs: number): void;
  /** Last uses that came after a death, latest first. */
  late(kind: UseKind): readonly LateUse[];
  /** Last uses that came after their purge was confirmed, latest first. */
  readonly afterConfirmation: readonly LateUse[];
  readonly confirmations: number;
  /** Values seen before they were allowed. */
  readonly tooEarly: readonly LentValue[];
  readonly uses: Readonly<Record<UseKind, number>>;
  readonly deaths: number;
}

export function createDeathBook(): DeathBook {
  const allowed = new Set<string>();
  const deaths = new Map<string, number>();
  const confirmations = new Map<string, number>();
  const lastSeen: Readonly<Record<UseKind, Map<string, { readonly value: LentValue; readonly atMs: number }>>> = {
    request: new Map(),
    stream: new Map(),
  };
  const uses = { request: 0, stream: 0 };
  const tooEarly: LentValue[] = [];

  const diedAt = ({ credential, version, agent }: LentValue): number =>
    Math.min(
      deaths.get(keyOf(credential, version, undefined)) ?? Number.POSITIVE_INFINITY,
      deaths.get(keyOf(credential, version, agent)) ?? Number.POSITIVE_INFINITY,
    );

  const usesAfter = (kind: UseKind, end: (value: LentValue) => number): readonly LateUse[] =>
    [...lastSeen[kind].values()]
      .map(({ value, atMs }) => ({ ...value, kind, latenessMs: atMs - end(value) }))
      .filter(({ latenessMs }) => latenessMs > 0)
      .sort((one, other) => other.latenessMs - one.latenessMs);
  const confirmedAt = ({ credential, version, agent }: LentValue): number =>
    confirmations.get(keyOf(credential, version, agent)) ?? Number.POSITIVE_INFINITY;

  return {
    tooEarly,
    uses,
    get deaths() {
      return deaths.size;
    },
    allow: (credential, version) => allowed.add(keyOf(credential, version, undefined)),
    died(credential, version, agent, committedAtMs) {
      const key = keyOf(credential, version, agent);
      deaths.set(key, Math.min(deaths.get(key) ?? Number.POSITIVE_INFINITY, committedAtMs));
    },
    seen(kind, value, atMs) {
      uses[kind] += 1;
      if (!allowed.has(keyOf(value.credential, value.version, undefined))) tooEarly.push(value);
      const key = keyOf(value.credential, value.version, value.agent);
      const last = lastSeen[kind].get(key);
      if (last === undefined || last.atMs < atMs) lastSeen[kind].set(key, { value, atMs });
    },
    confirmed(credential, version, agent, atMs) {
      const key = keyOf(credential, version, agent);
      confirmations.set(key, Math.min(confirmations.get(key) ?? Number.POSITIVE_INFINITY, atMs));
    },
    late: (kind) => usesAfter(kind, diedAt),
    get afterConfirmation() {
      return [...usesAfter('request', confirmedAt), ...usesAfter('stream', confirmedAt)];
    },
    get confirmations() {
      return confirmations.size;
    },
  };
}

function keyOf(credential: string, version: number, agent: string | undefined): string {
  return `${credential} ${version} ${agent ?? '*'}`;
}
