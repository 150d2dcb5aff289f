import type { IncomingMessage } from 'node:http';
import { AppError, parseHostAndPort } from '@leasehold/core';
import type { TunnelTarget } from '../../ports/agent-service.ts';
import { isOurName } from './our-name.ts';
import { readFraming } from './request-framing.ts';

/** Where a CONNECT wants to go (RFC 9110 section 9.3.6). Throws AppError `bad_request`, `authority_mismatch` or `address_forbidden`. */
export function readConnectTarget(incoming: IncomingMessage, ownPort: number): TunnelTarget {
  const { url = '', rawHeaders, httpVersionMinor } = incoming;
  const { host: hostHeader, contentLength, isChunked } = readFraming(rawHeaders);
  if (isChunked || (contentLength !== undefined && contentLength !== '0'))
    throw new AppError('bad_request', 'A CONNECT has no body: what follows its head belongs to the tunnel. Send it without one.');
  if (!/:\d+$/.test(url)) throw new AppError('bad_request', 'A CONNECT names a host and a port: CONNECT api.example.com:443. Send both.');
  const { host, port } = parseHostAndPort(url, 'https');
  if (hostHeader !== undefined) mustName(hostHeader, { host, port });
  else if (httpVersionMinor > 0) throw new AppError('bad_request', 'The request has no Host header. Send one.');
  if (isOurName({ host, port }, ownPort))
    throw new AppError(
      'address_forbidden',
      'This is Leasehold itself, which is not reached through its own proxy. Set NO_PROXY=127.0.0.1,localhost,::1 (and no_proxy) for this client.',
    );
  return { host, port };
}

/** Many clients leave the port out of the Host of a CONNECT, whatever it is. */
function mustName(hostHeader: string, target: TunnelTarget): void {
  const said = parseHostAndPort(hostHeader, 'https');
  const saysPort = /:\d+$/.test(hostHeader.replace(/^\[[^\]]*\]/, ''));
  if (said.host === target.host && (!saysPort || said.port === target.port)) return;
  throw new AppError(
    'authority_mismatch',
    'The target of the CONNECT and its Host header name different authorities. Send the same in both.',
  );
}
