import { create, toBinary } from '@bufbuild/protobuf';
import type { RequestLimits } from '@leasehold/core';
import { EncodedMessage } from './encoded-message.ts';
import { AcquireResponseSchema } from './gen/leasehold/v1/lease_pb.ts';
import { toProtoLimits } from './limits-wire.ts';

export interface AcquiredLease {
  readonly leaseId: string;
  readonly grantId: string;
  readonly version: number;
  readonly ttlMs: number;
  readonly epoch: string;
  readonly issuedAtSeq: number;
  readonly limits: RequestLimits;
  readonly value: Uint8Array;
}

/**
 * An AcquireResponse that is zeroed once it is sent. The general encoder copies what it writes into buffers that it grows and drops;
 * so the value is added behind its output, into memory of its own (fields of a message may come in any order).
 */
export function encodeAcquireResponse({ value, limits, ...lease }: AcquiredLease): EncodedMessage {
  const ahead = toBinary(
    AcquireResponseSchema,
    create(AcquireResponseSchema, {
      ...lease,
      ...toProtoLimits(limits),
      ttlMs: BigInt(lease.ttlMs),
      issuedAtSeq: BigInt(lease.issuedAtSeq),
    }),
  );
  const tag = (AcquireResponseSchema.field.value.number << 3) | lengthDelimited;
  const prefix = [...varint(tag), ...varint(value.length)];
  // Not from the pool that small Buffers share.
  const bytes = Buffer.allocUnsafeSlow(ahead.length + prefix.length + value.length);
  bytes.set(ahead);
  bytes.set(prefix, ahead.length);
  bytes.set(value, ahead.length + prefix.length);
  return new EncodedMessage(AcquireResponseSchema.typeName, bytes, { isWipedOnceSent: true });
}

const lengthDelimited = 2;

function varint(value: number): readonly number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}
