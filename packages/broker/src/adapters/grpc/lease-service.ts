import {
  encodeAcquireResponse,
  fromUint64,
  type LeaseService,
  type ServiceHandlers,
  type UnaryObserver,
  unary,
} from '@leasehold/contract/grpc';
import type { LendingUseCases } from '../../ports/use-cases.ts';
import type { CallGate } from './call-gate.ts';
import { parseId, parseIds, parseUseBatch } from './requests.ts';

type LeaseHandlers = ServiceHandlers<typeof LeaseService.method>;

export function createLeaseService(
  lending: LendingUseCases,
  callerOf: CallGate['callerOf'],
  onCall: UnaryObserver,
): Omit<LeaseHandlers, 'watch'> {
  return {
    acquire: unary(async (request, call) => {
      const caller = callerOf(call);
      const ask = { credentialId: parseId('credential_id', request.credentialId), ttlMs: fromUint64(request.ttlMs, 'ttl_ms') };
      const lease = await lending.issueLease(caller, ask);
      try {
        return encodeAcquireResponse(lease);
      } finally {
        lease.value.fill(0);
      }
    }, onCall),
    renew: unary(async (request, call) => {
      const caller = callerOf(call);
      const ask = { leaseId: parseId('lease_id', request.leaseId), ttlMs: fromUint64(request.ttlMs, 'ttl_ms') };
      const { ttlMs, issuedAtSeq, ...lease } = await lending.renewLease(caller, ask);
      return { ...lease, ttlMs: BigInt(ttlMs), issuedAtSeq: BigInt(issuedAtSeq) };
    }, onCall),
    release: unary(async ({ leaseIds }, call) => {
      const caller = callerOf(call);
      return { released: await lending.releaseLeases(caller, parseIds('lease_ids', leaseIds)) };
    }, onCall),
    reportUse: unary(async (request, call) => {
      const caller = callerOf(call);
      await lending.recordUse(caller, parseUseBatch(request));
      return {};
    }, onCall),
  };
}
