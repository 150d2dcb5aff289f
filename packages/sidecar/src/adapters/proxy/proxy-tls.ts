import { constants } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { TLSSocket, type TlsOptions } from 'node:tls';

/** How agents reach the proxy over TLS. */
export interface ProxyTls {
  readonly certPem: Buffer;
  readonly keyPem: Buffer;
  /** Who issues certificates to agents; undefined: none are asked for. */
  readonly clientCaPem: Buffer | undefined;
}

const handshakeTimeoutMs = 10_000;

export function tlsOptions({ certPem, keyPem, clientCaPem }: ProxyTls): TlsOptions {
  return {
    cert: certPem,
    key: keyPem,
    minVersion: 'TLSv1.2',
    ALPNProtocols: ['http/1.1'],
    handshakeTimeout: handshakeTimeoutMs,
    ...(clientCaPem !== undefined && {
      ca: clientCaPem,
      requestCert: true,
      // Agents without one may prove themselves by their token; what came is looked at with the first request, so that the answer says what is wrong.
      rejectUnauthorized: false,
      // A resumed session would be taken for proven without its certificate having been looked at again.
      secureOptions: constants.SSL_OP_NO_TICKET,
    }),
  };
}

/** Whether the TLS of this connection never came about: there is nobody who could read an answer. */
export function isBeforeTls(socket: Duplex): boolean {
  return socket instanceof TLSSocket && socket.getProtocol() === null;
}
