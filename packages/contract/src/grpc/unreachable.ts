const next = 'then try again.';

/** What grpc-js says of a connection that did not come about, and what to do about it. Its own text stays out: it holds what the other side says. */
const reasons: readonly (readonly [pattern: RegExp, text: string])[] = [
  [
    /ERR_TLS_CERT_ALTNAME_INVALID/,
    `The broker's certificate is not for the name that it was called by. Start the broker with --tls-name and that name, ${next}`,
  ],
  [
    /certificate has expired|certificate is not yet valid/,
    `The broker's certificate is out of date. Renew it, and look at the clocks, ${next}`,
  ],
  [
    /verify the first certificate|self-signed certificate|unable to get (local )?issuer certificate|certificate signature failure/,
    `The broker's certificate is not of the CA that the sidecar was given. Give it the file tls/ca.pem of this broker, ${next}`,
  ],
  [
    /no application protocol|wrong version number|packet length too long/,
    `What answers at the broker's address is no gRPC port of a broker (7443, unless it was set). Check the address, ${next}`,
  ],
  [
    /ECONNREFUSED/,
    `Nothing listens at the broker's address. Check that it runs, that it listens on more than loopback (--grpc-host), and its port, ${next}`,
  ],
  [/Name resolution failed/, `The broker's host name is known to no name server here. Check it, ${next}`],
];

/** Why a broker could not be reached, and what to do next; `details` as grpc-js gives them. */
export function unreachableBecause(details: unknown): string {
  const found = typeof details === 'string' ? reasons.find(([pattern]) => pattern.test(details)) : undefined;
  return found?.[1] ?? `The broker can not be reached. Check that it runs and that its address is right, ${next}`;
}
