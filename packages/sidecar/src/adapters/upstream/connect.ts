import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import { AppError, type Destination } from '@leasehold/core';
import { mayDial } from '../../domain/destination-address.ts';
import type { OutgoingConnections } from './outgoing-connections.ts';
import type { Resolve } from './resolve.ts';

export interface ConnectOptions {
  readonly resolve: Resolve;
  /** For all of it: name, TCP to whichever address answers, TLS; ms. */
  readonly timeoutMs: number;
  /** Told of each connection, where somebody has to know them again. */
  readonly outgoing?: Pick<OutgoingConnections, 'add'> | undefined;
  /** What to offer by ALPN, best first; HTTP/1.1 alone when not given. */
  readonly protocols?: readonly string[];
}

/** A connection that is ready for the first byte, or why there is none. Called once. */
export type Connected = (error: AppError | null, socket: Socket | TLSSocket | null) => void;

/** Makes connections to one host of one destination. */
export type Dial = (connected: Connected) => void;

/** What of a destination matters to a connection. */
export type DialedDestination = Pick<Destination, 'scheme' | 'port' | 'caPem' | 'privateCidrs'>;

/** How long one address of several may keep the next one waiting. */
const attemptMs = 2_000;

/**
 * Each call resolves once, checks *every* address, and dials one that was checked, so that a name can't flip between the check and the
 * dial (INV-8, THREATS 11). TLS is always verified, whatever the environment says.
 */
export function createDial(
  destination: DialedDestination,
  host: string,
  { resolve, timeoutMs, outgoing, protocols = ['http/1.1'] }: ConnectOptions,
): Dial {
  const isAddress = isIP(host) !== 0;
  // Parsing a CA costs more than a handshake.
  let context: SecureContext | undefined;

  return (connected) => {
    let socket: Socket | TLSSocket | undefined;
    let isOver = false;
    const deadline = setTimeout(() => finish(timedOut(host, timeoutMs), null), timeoutMs);

    function finish(error: AppError | null, made: Socket | TLSSocket | null): void {
      if (isOver) return;
      isOver = true;
      clearTimeout(deadline);
      if (error !== null) socket?.destroy();
      connected(error, made);
    }

    function dialChecked(addresses: readonly string[]): void {
      if (isOver) return;
      if (addresses.length === 0) finish(unreachable(host, undefined), null);
      else if (addresses.every((address) => mayDial(address, destination.privateCidrs, destination.scheme))) dialFrom(addresses, 0);
      else finish(addressForbidden(host, destination.scheme), null);
    }

    function dialFrom(addresses: readonly string[], index: number): void {
      const address = addresses[index] ?? '';
      const isLast = index + 1 >= addresses.length;
      const tcp = connectTcp({ host: address, port: destination.port, noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 });
      socket = tcp;
      const attempt = isLast ? undefined : setTimeout(() => tcp.destroy(new Error('no answer')), attemptMs);
      let reason: unknown;
      const failed = () => {
        clearTimeout(attempt);
        if (isLast || isOver) finish(unreachable(host, reason), null);
        else dialFrom(addresses, index + 1);
      };
      tcp.once('close', failed);
      tcp.on('error', (error) => {
        reason ??= error;
      });
      tcp.once('connect', () => {
        clearTimeout(attempt);
        outgoing?.add(tcp);
        tcp.removeListener('close', failed);
        if (destination.scheme === 'https') secure(tcp);
        else ready(tcp);
      });
    }

    function secure(tcp: Socket): void {
      let reason: unknown;
      try {
        context ??= createSecureContext({ minVersion: 'TLSv1.2', ...(destination.caPem !== undefined && { ca: destination.caPem }) });
        const tls = connectTls({
          socket: tcp,
          secureContext: context,
          ...(isAddress ? { host } : { servername: host }),
          // Written out, so that no variable of the environment can turn it off.
          rejectUnauthorized: true,
          ALPNProtocols: [...protocols],
        });
        socket = tls;
        const failed = () => finish(tlsFailed(host, reason), null);
        tls.on('error', (error) => {
          reason ??= error;
        });
        tls.once('close', failed);
        tls.once('secureConnect', () => {
          tls.removeListener('close', failed);
          ready(tls);
        });
      } catch (cause) {
        finish(tlsFailed(host, cause), null);
      }
    }

    function ready(made: Socket | TLSSocket): void {
      if (isOver) made.destroy();
      else finish(null, made);
    }

    if (isAddress) dialChecked([host]);
    else
      resolve(host, (error, addresses) => {
        if (error === null) dialChecked(addresses);
        else finish(unresolved(host, error), null);
      });
  };
}

function unresolved(host: string, cause: unknown): AppError {
  return new AppError('upstream_unreachable', `${host} has no address that the sidecar can find. Check the name, and the sidecar's DNS.`, {
    cause,
  });
}

function unreachable(host: string, cause: unknown): AppError {
  return new AppError(
    'upstream_unreachable',
    `${host} can't be reached from the sidecar. Check that the host is up and that the network lets the sidecar out.`,
    { cause },
  );
}

function timedOut(host: string, timeoutMs: number): AppError {
  return new AppError('upstream_timeout', `${host} did not accept a connection in ${timeoutMs} ms. Try again, or check the destination.`);
}

function addressForbidden(host: string, scheme: Destination['scheme']): AppError {
  const what = scheme === 'https' ? 'a private or special address' : 'an address to which nothing goes in clear text';
  return new AppError(
    'address_forbidden',
    `${host} resolves to ${what}: this credential's destination does not list it. An operator allows a range with --private CIDR.`,
  );
}

function tlsFailed(host: string, cause: unknown): AppError {
  return new AppError(
    'upstream_tls_failed',
    `The TLS certificate of ${host} could not be verified, so nothing was sent. If it has a private CA, an operator gives it to the destination with --ca FILE.`,
    { cause },
  );
}
