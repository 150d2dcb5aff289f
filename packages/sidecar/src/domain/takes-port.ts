import type { Destination } from '@leasehold/core';

/** Whether what an agent addressed to this scheme and port may go to the destination. */
export function takesPort({ scheme, port }: Destination, target: { readonly scheme: 'http' | 'https'; readonly port: number }): boolean {
  // What the agent sent over TLS goes out over TLS. What it sent in the clear goes out over TLS if the destination says so (THREATS 13) …
  if (target.port === port) return target.scheme === 'http' || scheme === 'https';
  // … and an agent without TLS writes http://host, which is port 80, for what is bound to https://host.
  return target.scheme === 'http' && target.port === 80 && scheme === 'https' && port === 443;
}
