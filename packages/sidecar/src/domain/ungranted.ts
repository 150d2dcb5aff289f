import { type Destination, formatAuthority, pathHasPrefix, wildcardOf } from '@leasehold/core';
import type { Target } from './route.ts';
import type { RouteTable } from './route-table.ts';
import { takesPort } from './takes-port.ts';

/** Which credential an agent without a grant would have to ask for: looked for among those that its tenant lets it know of. */
export function ungrantedAt({ ungranted }: RouteTable, target: Target & { readonly way: 'proxy' }): string | undefined {
  const wildcard = wildcardOf(target.host);
  let name: string | undefined;
  let longest = -1;
  for (const { credentialName, destinations } of ungranted) {
    for (const destination of destinations) {
      const { hostPattern, pathPrefixes } = destination;
      if ((hostPattern !== target.host && hostPattern !== wildcard) || !takesPort(destination, target)) continue;
      const lengths = pathPrefixes.filter((prefix) => pathHasPrefix(target.path, prefix)).map(({ length }) => length);
      const length = pathPrefixes.length === 0 ? 0 : Math.max(-1, ...lengths);
      if (length <= longest) continue;
      name = credentialName;
      longest = length;
    }
  }
  return name;
}

/** Where a credential goes that the agent may know of. */
export function ungrantedNamed({ ungranted }: RouteTable, name: string): string | undefined {
  const found = ungranted.find(({ credentialName }) => credentialName === name)?.destinations.find(isExact);
  return found && formatAuthority({ scheme: found.scheme, host: found.hostPattern, port: found.port });
}

function isExact({ hostPattern }: Destination): boolean {
  return !hostPattern.startsWith('*.');
}
