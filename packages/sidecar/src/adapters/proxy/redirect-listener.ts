import { createServer, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { AppError, canonicalHost, isIpLiteral } from '@leasehold/core';
import { listening } from '@leasehold/runtime';
import { readClientHello } from '../../domain/client-hello.ts';
import type { AgentService } from '../../ports/agent-service.ts';
import { onFirstByte } from './first-byte.ts';
import type { HttpConnections } from './http-connections.ts';
import { refuseSocket } from './refuse-socket.ts';
import type { EndTls } from './tls-terminator.ts';
import type { OpenTunnel } from './tunnel-opener.ts';

export interface RedirectPorts {
  /** For what was sent to port 80; undefined: nothing is redirected there. */
  readonly http: number | undefined;
  /** For what was sent to port 443. */
  readonly tls: number | undefined;
}

export interface RedirectListenerOptions {
  readonly ports: RedirectPorts;
  /** Of the one agent of this network namespace: a redirected connection has no place to prove another. */
  readonly service: AgentService;
  readonly connections: Pick<HttpConnections, 'accept'>;
  readonly open: OpenTunnel;
  readonly endTls: EndTls;
  readonly onRefused: (code: AppError['code']) => void;
  /** Whether a connection is one that we made ourselves: then the rules send us in a circle. */
  readonly isOurs: (socket: Socket) => boolean;
  readonly firstByteTimeoutMs: number;
  readonly maxConnections: number;
}

const maxHelloBytes = 20_000;
const maxHelloChunks = 64;
/** A fatal alert, `unrecognized_name` (RFC 8446 section 6): all that can be said before there is TLS. */
const unrecognizedName = Buffer.of(0x15, 3, 3, 0, 2, 2, 112);

/**
 * Serves connections that packet rules turned to us on their way, from agents that know of no proxy. The target is what the agent itself says, in Host or
 * SNI, and never the address that it dialled: that would be one more authority, and only we know which addresses are a host's (INV-8).
 * Listens on loopback, where REDIRECT sends what a machine's own processes send.
 */
export async function startRedirects(options: RedirectListenerOptions, ended: AbortSignal): Promise<RedirectPorts> {
  const { service, connections, open, endTls, onRefused, firstByteTimeoutMs } = options;

  function serveHttp(socket: Socket): void {
    onFirstByte(socket, firstByteTimeoutMs, () => {
      if (options.isOurs(socket)) {
        onRefused('address_forbidden');
        refuseSocket(socket, circle());
        return;
      }
      connections.accept(socket, { kind: 'redirected' });
      socket.resume();
    });
  }

  function serveTls(socket: Socket): void {
    const refuse = () => {
      socket.end(unrecognizedName);
      socket.destroySoon();
    };
    onServerName(socket, firstByteTimeoutMs, (serverName) => {
      const host = serverName === undefined ? undefined : canonicalHost(serverName);
      if (host === undefined || isIpLiteral(host) || options.isOurs(socket)) {
        onRefused(host === undefined ? 'bad_request' : 'address_forbidden');
        refuse();
        return;
      }
      const target = { host, port: 443 };
      open(socket, target, service, {
        accept: () => undefined,
        refuse,
        intercept: () => endTls(socket, { scheme: 'https', ...target }, service),
      });
    });
  }

  const http = await listenOnLoopback('redirect-http', options.ports.http, serveHttp, options.maxConnections, ended);
  const tls = await listenOnLoopback('redirect-tls', options.ports.tls, serveTls, options.maxConnections, ended);
  return { http, tls };
}

async function listenOnLoopback(
  what: string,
  port: number | undefined,
  serve: (socket: Socket) => void,
  maxConnections: number,
  ended: AbortSignal,
): Promise<number | undefined> {
  if (port === undefined) return undefined;
  let settled = port;
  for (const host of loopbackAddresses()) {
    const open = new Set<Socket>();
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      open.add(socket);
      socket.on('error', () => undefined);
      socket.once('close', () => open.delete(socket));
      serve(socket);
    });
    server.maxConnections = maxConnections;
    settled = (await listening(server, { host, port: settled, what }, ended)).port;
    const cutAll = () => {
      for (const socket of open) socket.destroy();
    };
    ended.addEventListener('abort', cutAll, { once: true });
  }
  return settled;
}

function loopbackAddresses(): readonly string[] {
  const hasIpv6 = Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ address }) => address === '::1') === true);
  return hasIpv6 ? ['127.0.0.1', '::1'] : ['127.0.0.1'];
}

/** Calls `found` once the ClientHello is whole; it is read again by whoever serves the socket, and finds it paused. */
function onServerName(socket: Socket, timeoutMs: number, found: (serverName: string | undefined) => void): void {
  const chunks: Buffer[] = [];
  const giveUp = () => socket.destroy();
  const timer = setTimeout(giveUp, timeoutMs);
  socket.once('end', giveUp);
  socket.once('close', () => clearTimeout(timer));
  const read = (chunk: Buffer) => {
    chunks.push(chunk);
    const bytes = Buffer.concat(chunks);
    const hello = readClientHello(bytes);
    if (hello.kind === 'partial' && bytes.length < maxHelloBytes && chunks.length < maxHelloChunks) return;
    clearTimeout(timer);
    socket.off('data', read);
    socket.off('end', giveUp);
    socket.pause();
    socket.unshift(bytes);
    found(hello.kind === 'hello' ? hello.serverName : undefined);
  };
  socket.on('data', read);
}

function circle(): AppError {
  return new AppError(
    'address_forbidden',
    'The rules that redirect connections send Leasehold’s own back to it. Leave its user out of them: leasehold-sidecar redirect-rules --proxy-uid UID.',
  );
}
