import type { RequestLimits } from '@leasehold/core';

/** As leases carry them, and routes, which say how many requests besides. */
interface ProtoLimits {
  readonly methods: string[];
  readonly pathPrefixes: string[];
}

export function toProtoLimits({ methods, pathPrefixes }: RequestLimits): ProtoLimits {
  return { methods: [...methods], pathPrefixes: [...pathPrefixes] };
}

export function fromProtoLimits({ methods, pathPrefixes }: ProtoLimits): RequestLimits {
  return { methods, pathPrefixes };
}
