import { formatAuthority, wildcardOf } from '@leasehold/core';
import { isMetadataHost } from './metadata-hosts.ts';
import { type Refused, refused, refusedPlainly, refusedTexts } from './refused.ts';
import type { RouteTable } from './route-table.ts';
import { takesPort } from './takes-port.ts';
import { ungrantedAt } from './ungranted.ts';

/** What happens to a tunnel to a host that no route names: refused, or passed unseen, save to these hosts. */
export type UnmatchedPolicy = 'refuse' | { readonly tunnelExceptTo: readonly string[] };

/** Where web clients go. Other ports are other protocols, such as SSH, which nobody who lets web traffic pass has in mind (THREATS 12). */
const blindPorts: readonly number[] = [80, 443];

export type JudgedTunnel = { readonly kind: 'intercept' } | { readonly kind: 'blind' } | Refused;

/**
 * Whether a tunnel to this authority is opened. A host that any route names is never passed blind, whatever its port and whether or not its
 * credential is live: what is bound to it must not leave unseen (INV-2).
 */
export function judgeTunnel(
  table: RouteTable,
  { host, port }: { readonly host: string; readonly port: number },
  unmatched: UnmatchedPolicy,
): JudgedTunnel {
  const destination = tunnelDestination({ host, port });
  if (isMetadataHost(host)) return refusedPlainly('address_forbidden', refusedTexts.metadata, destination);
  const wildcard = wildcardOf(host);
  const candidates = [...(table.byHost.get(host) ?? []), ...(wildcard === undefined ? [] : (table.byHost.get(wildcard) ?? []))];
  for (const { destination } of candidates)
    if (takesPort(destination, { scheme: 'https', port }) || takesPort(destination, { scheme: 'http', port })) return { kind: 'intercept' };
  if (candidates.length === 0 && unmatched !== 'refuse') {
    if (unmatched.tunnelExceptTo.includes(host)) return refusedPlainly('address_forbidden', refusedTexts.broker, destination);
    if (!blindPorts.includes(port)) return refusedPlainly('no_route', refusedTexts.blindPort, destination);
    return { kind: 'blind' };
  }
  const credential = ungrantedAt(table, { way: 'proxy', scheme: 'https', host, port, method: 'CONNECT', path: '/' });
  return refused(credential === undefined ? 'no_route' : 'no_grant', { agent: table.agent, credential, destination });
}

/** Where a tunnel was to lead: what is inside is TLS, but for the port of plain HTTP. */
export function tunnelDestination({ host, port }: { readonly host: string; readonly port: number }): string {
  return formatAuthority({ scheme: port === 80 ? 'http' : 'https', host, port });
}
