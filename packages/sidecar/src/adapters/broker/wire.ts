import {
  type AcquireResponse,
  fromProtoLimits,
  fromUint64,
  type Outgoing,
  type RenewResponse,
  type ReportUseRequestSchema,
} from '@leasehold/contract/grpc';
import { AppError } from '@leasehold/core';
import type { IssuedLease, RenewedLease, UseBatch } from '../../ports/broker.ts';

export function fromAcquire(answer: AcquireResponse): IssuedLease {
  // The message's value is a view on the bytes that came from the wire: ours is a copy, and theirs is cleared (INV-15).
  const value = Uint8Array.from(answer.value);
  answer.value.fill(0);
  try {
    if (answer.grantId === '' || value.byteLength === 0) throw unreadable('a lease without a grant or a value');
    return { ...fromRenew(answer), grantId: answer.grantId, version: answer.version, limits: fromProtoLimits(answer), value };
  } catch (thrown) {
    value.fill(0);
    throw thrown;
  }
}

export function fromRenew({
  leaseId,
  epoch,
  ttlMs,
  issuedAtSeq,
}: Pick<RenewResponse, 'leaseId' | 'epoch' | 'ttlMs' | 'issuedAtSeq'>): RenewedLease {
  if (leaseId === '' || epoch === '') throw unreadable('a lease without an id or an epoch');
  return { leaseId, epoch, ttlMs: fromUint64(ttlMs, 'ttl_ms'), issuedAtSeq: fromUint64(issuedAtSeq, 'issued_at_seq') };
}

export function toReportUse({ batchSeq, records, dropped }: UseBatch): Outgoing<typeof ReportUseRequestSchema> {
  return {
    batchSeq: BigInt(batchSeq),
    dropped: BigInt(dropped),
    records: records.map(({ count, firstAtMs, lastAtMs, ...use }) => ({
      ...use,
      count: BigInt(count),
      firstAtMs: BigInt(Math.trunc(firstAtMs)),
      lastAtMs: BigInt(Math.trunc(lastAtMs)),
    })),
  };
}

function unreadable(what: string): AppError {
  return new AppError('internal', `The broker sent ${what}. Run the same version of broker and sidecar.`);
}
