import type { RequestLimits } from '@leasehold/core';

/** As routes and leases carry them. */
interface ProtoLimits {
  readonly methods: string[];
  readonly pathPrefixes: string[];
  readonly ratePerMinute: number;
}

export function toProtoLimits({ methods, pathPrefixes, ratePerMinute }: RequestLimits): ProtoLimits {
  return { methods: [...methods], pathPrefixes: [...pathPrefixes], ratePerMinute: ratePerMinute ?? 0 };
}

export function fromProtoLimits({ methods, pathPrefixes, ratePerMinute }: ProtoLimits): RequestLimits {
  return { methods, pathPrefixes, ratePerMinute: ratePerMinute || undefined };
}
