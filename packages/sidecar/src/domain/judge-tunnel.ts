import { type ErrorCode, wildcardOf } from '@leasehold/core';
import { refusedTexts } from './refused-texts.ts';
import { isMetadataHost, type RouteTable, takesPort } from './route.ts';

export type UnmatchedPolicy = 'refuse' | 'tunnel';

export type JudgedTunnel =
  | { readonly kind: 'intercept' }
  | { readonly kind: 'blind' }
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly message: string };

/**
 * Whether a tunnel to this authority is opened. A host that any route names is never passed blind, whatever its port and whether or not its
 * credential is live: what is bound to it must not leave unseen (INV-2).
 */
export function judgeTunnel(
  table: RouteTable,
  { host, port }: { readonly host: string; readonly port: number },
  unmatched: UnmatchedPolicy,
): JudgedTunnel {
  if (isMetadataHost(host)) return { kind: 'refused', code: 'address_forbidden', message: refusedTexts.metadata };
  const wildcard = wildcardOf(host);
  const candidates = [...(table.byHost.get(host) ?? []), ...(wildcard === undefined ? [] : (table.byHost.get(wildcard) ?? []))];
  for (const { destination } of candidates)
    if (takesPort(destination, { scheme: 'https', port }) || takesPort(destination, { scheme: 'http', port })) return { kind: 'intercept' };
  if (candidates.length === 0 && unmatched === 'tunnel') return { kind: 'blind' };
  return { kind: 'refused', code: 'no_route', message: refusedTexts.noRoute(host, port) };
}
