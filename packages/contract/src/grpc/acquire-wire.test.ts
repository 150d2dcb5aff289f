import { fromBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeAcquireResponse } from './acquire-wire.ts';
import { AcquireResponseSchema } from './gen/leasehold/v1/lease_pb.ts';

test('a lease with any value reads back as it was, and is to be wiped', () => {
  const sizes = fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ minLength: 16_300, maxLength: 16_500, size: 'max' }));
  fc.assert(
    fc.property(sizes, fc.maxSafeNat(), fc.maxSafeNat(), (value, ttlMs, issuedAtSeq) => {
      const lease = { leaseId: 'l1', grantId: 'g1', version: 3, ttlMs, epoch: 'e1', issuedAtSeq, value };
      const limits = { methods: ['GET'], pathPrefixes: ['/v1', '/v2'] };
      const encoded = encodeAcquireResponse({ ...lease, limits });
      expect(encoded.isWipedOnceSent).toBe(true);
      const { $typeName: _, ...read } = fromBinary(AcquireResponseSchema, encoded.bytes);
      expect({ ...read, value: new Uint8Array(read.value) }).toEqual({
        ...lease,
        ...limits,
        ttlMs: BigInt(ttlMs),
        issuedAtSeq: BigInt(issuedAtSeq),
      });
    }),
    { numRuns: 50 },
  );
});
