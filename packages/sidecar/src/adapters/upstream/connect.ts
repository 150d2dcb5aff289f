import { lookup } from 'node:dns';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { AppError, type Destination } from '@leasehold/core';
import { mayDial } from '../../domain/destination-address.ts';

/** All addresses of a host, in the order in which they are to be tried. */
export type Resolve = (host: string, callback: (error: Error | null, addresses: readonly string[]) => void) => void;

export const resolveBySystem: Resolve = (host, callback) => {
  lookup(host, { all: true, verbatim: false }, (error, found) =>
    callback(error, error === null ? found.map(({ address }) => address) : []),
  );
};

export interface ConnectOptions {
  readonly resolve: Resolve;
  /** Of each address: TCP, and TLS on top, ms. */
  readonly timeoutMs: number;
}

/** undici's connector: https://undici.nodejs.org/#/docs/api/Connector */
type Connected = (error: Error | null, socket: Socket | TLSSocket | null) => void;

/**
 * Dials a destination: resolves once, checks *every* address, and dials one that was checked, so that a name can't flip between the check and the
 * dial (INV-8, THREATS 11). TLS is always verified, whatever the environment says.
 */
export function connectTo(destination: Destination, host: string, { resolve, timeoutMs }: ConnectOptions, connected: Connected): void {
  const dial = (addresses: readonly string[]) => {
    const forbidden = addresses.find((address) => !mayDial(address, destination.privateCidrs));
    if (forbidden !== undefined || addresses.length === 0) {
      connected(addresses.length === 0 ? unreachable(host, undefined) : addressForbidden(host), null);
      return;
    }
    dialNext(destination, host, addresses, 0, timeoutMs, connected);
  };
  if (isIP(host) !== 0) {
    dial([host]);
    return;
  }
  resolve(host, (error, addresses) => {
    if (error === null) dial(addresses);
    else connected(unreachable(host, error), null);
  });
}

function dialNext(
  destination: Destination,
  host: string,
  addresses: readonly string[],
  index: number,
  timeoutMs: number,
  connected: Connected,
): void {
  const address = addresses[index] ?? '';
  const tcp = connectTcp({ host: address, port: destination.port, noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 });
  let phase: 'tcp' | 'tls' = 'tcp';
  let socket: Socket | TLSSocket = tcp;
  const timer = setTimeout(
    () =>
      fail(
        new AppError('upstream_timeout', `${host} did not accept a connection in ${timeoutMs} ms. Try again, or check the destination.`),
      ),
    timeoutMs,
  );

  const settle = () => {
    clearTimeout(timer);
    tcp.removeListener('error', fail);
    socket.removeListener('error', fail);
    tcp.removeListener('close', closed);
  };
  const fail = (cause: Error) => {
    settle();
    // A late error of a socket that is given up must not end the process.
    socket.on('error', () => {});
    tcp.on('error', () => {});
    tcp.destroy();
    // What TLS said of one address holds for all; another address may still be reached.
    if (phase === 'tcp' && index + 1 < addresses.length) dialNext(destination, host, addresses, index + 1, timeoutMs, connected);
    else if (cause instanceof AppError) connected(cause, null);
    else connected(phase === 'tls' ? tlsFailed(host, cause) : unreachable(host, cause), null);
  };
  const closed = () => fail(new Error('closed while connecting'));
  tcp.once('error', fail);
  tcp.once('close', closed);
  tcp.once('connect', () => {
    if (destination.scheme === 'http') {
      settle();
      connected(null, tcp);
      return;
    }
    phase = 'tls';
    const secure = connectTls({
      socket: tcp,
      ...(isIP(host) === 0 ? { servername: host } : { host }),
      ...(destination.caPem !== undefined && { ca: destination.caPem }),
      // Written out, so that no variable of the environment can turn it off.
      rejectUnauthorized: true,
      minVersion: 'TLSv1.2',
      ALPNProtocols: ['http/1.1'],
    });
    socket = secure;
    secure.once('error', fail);
    secure.once('secureConnect', () => {
      settle();
      connected(null, secure);
    });
  });
}

function unreachable(host: string, cause: unknown): AppError {
  return new AppError(
    'upstream_unreachable',
    `${host} can't be reached from the sidecar. Check that the host is up and that the network lets the sidecar out.`,
    { cause },
  );
}

function addressForbidden(host: string): AppError {
  return new AppError(
    'address_forbidden',
    `${host} resolves to a private or special address, which this credential's destination does not list. An operator allows a range with --private CIDR.`,
  );
}

function tlsFailed(host: string, cause: unknown): AppError {
  return new AppError(
    'upstream_tls_failed',
    `The TLS certificate of ${host} could not be verified, so nothing was sent. If it has a private CA, an operator gives it to the destination with --ca FILE.`,
    { cause },
  );
}
