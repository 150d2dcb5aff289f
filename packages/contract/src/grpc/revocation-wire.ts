import { create } from '@bufbuild/protobuf';
import { AppError, type Revocation, type RevocationReason, type RevocationScope, revocationReasons } from '@leasehold/core';
import { type Revoked, RevokedSchema, Scope } from './gen/leasehold/v1/watch_pb.ts';

const scopes = {
  lease: Scope.LEASE,
  grant: Scope.GRANT,
  credential: Scope.CREDENTIAL,
  agent: Scope.AGENT,
  tenant: Scope.TENANT,
} satisfies Record<RevocationScope, Scope>;

const scopeNames: ReadonlyMap<Scope, RevocationScope> = new Map([
  [Scope.LEASE, 'lease'],
  [Scope.GRANT, 'grant'],
  [Scope.CREDENTIAL, 'credential'],
  [Scope.AGENT, 'agent'],
  [Scope.TENANT, 'tenant'],
]);

export function toProtoRevoked({ seq, scope, ids, reason }: Revocation): Revoked {
  return create(RevokedSchema, { seq: BigInt(seq), scope: scopes[scope], ids: scope === 'tenant' ? [] : [...ids], reason });
}

/**
 * Throws AppError `internal` on a scope that this version does not know: it can't tell what dies by it.
 * The reason is for people, so a new one is no obstacle. A tenant's own id is not on the wire: `ids` is empty there.
 */
export function fromProtoRevoked({ seq, scope, ids, reason }: Revoked): Revocation {
  const name = scopeNames.get(scope);
  if (name === undefined)
    throw new AppError(
      'internal',
      `A revocation has a scope (${scope}) that this version does not know. Run the same version of broker and sidecar.`,
    );
  if (name !== 'tenant' && ids.length === 0) throw new AppError('internal', `Revocation ${seq} of scope ${name} names nothing.`);
  return { seq: fromUint64(seq, 'seq'), scope: name, ids, reason: isReason(reason) ? reason : 'revoked' };
}

/** Counters and times of the wire as numbers. Throws AppError `invalid_argument` beyond 2^53-1. */
export function fromUint64(value: bigint, field: string): number {
  if (value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value);
  throw new AppError('invalid_argument', `${field} is too large: at most ${Number.MAX_SAFE_INTEGER}.`);
}

const reasons: ReadonlySet<string> = new Set(revocationReasons);

function isReason(text: string): text is RevocationReason {
  return reasons.has(text);
}
