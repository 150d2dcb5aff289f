import { createServer, type IncomingMessage, type Server, type ServerOptions } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Duplex } from 'node:stream';
import { AppError } from '@leasehold/core';
import type { AgentService } from '../../ports/agent-service.ts';
import { afterAnswers } from './after-answers.ts';
import { createAnswerBatch } from './answer-batch.ts';
import { type ServeOptions, serveHttpExchange } from './http-exchange.ts';
import type { Inbound } from './inbound.ts';
import { isBeforeTls, type ProxyTls, tlsOptions } from './proxy-tls.ts';
import { refuseSocket } from './refuse-socket.ts';
import { responseOn } from './response-on.ts';
import { serveUpgrade } from './upgrade.ts';

export interface HttpConnectionsOptions {
  /** Whose request this is: asked for each one that is not in a tunnel, where it is settled. Throws AppError `identity_missing` or `identity_invalid`. */
  readonly serviceFor: (incoming: IncomingMessage) => AgentService;
  /** Counts what was refused before it was a request. */
  readonly onRefused: (code: AppError['code']) => void;
  /** How long an agent may take for the head of a request, ms. */
  readonly headTimeoutMs: number;
  /** How long an agent may keep silent in the middle of a body, ms. */
  readonly bodyIdleMs: number;
  /** Host names of our own besides loopback; canonical. */
  readonly ownNames?: readonly string[];
  /** Agents reach us over TLS. */
  readonly tls?: ProxyTls | undefined;
}

export interface HttpConnections {
  /** Serves the connections that it accepts as `open` ones. Its time limits run once it listens, for those that it is handed, too. */
  readonly server: Server;
  /** Serves a socket that somebody else accepted: what a tunnel holds, ended TLS, what was redirected. */
  accept(socket: Duplex, inbound: Inbound): void;
  /** How a connection that is served here came in. */
  inboundOf(socket: Duplex): Inbound;
}

const maxHeaderBytes = 32_768;

/** HTTP/1.1 of agents, whichever way it came in. Whatever else comes is refused with a typed answer. */
export function createHttpConnections(options: HttpConnectionsOptions): HttpConnections {
  const { serviceFor, onRefused, headTimeoutMs, bodyIdleMs, tls } = options;
  const http: ServerOptions = {
    maxHeaderSize: maxHeaderBytes,
    insecureHTTPParser: false,
    // We look at Host ourselves, and answer with a reason.
    requireHostHeader: false,
    joinDuplicateHeaders: false,
    keepAliveTimeout: 75_000,
    headersTimeout: headTimeoutMs,
    // Uploads may take as long as they take; back-pressure keeps memory flat.
    requestTimeout: 0,
    connectionsCheckingInterval: Math.min(headTimeoutMs, 5_000),
    noDelay: true,
    // What asks for another upgrade, such as HTTP/2 in the clear, is served without it (RFC 9110 section 7.8).
    shouldUpgradeCallback: isWebSocket,
  };
  const server = tls === undefined ? createServer(http) : createTlsServer({ ...http, ...tlsOptions(tls) });
  // Past its limit Node drops headers silently: there is none, and the request reader counts.
  server.maxHeadersCount = 0;

  const inbounds = new WeakMap<Duplex, Inbound>();
  const ownNames = new Set(options.ownNames ?? []);
  let open: Inbound = { kind: 'open', ownPort: 0, ownNames };
  server.on('listening', () => {
    const address = server.address();
    if (address !== null && typeof address !== 'string') open = { kind: 'open', ownPort: address.port, ownNames };
  });
  const inboundOf = (socket: Duplex): Inbound => inbounds.get(socket) ?? open;

  const serving: ServeOptions = { serviceFor, batch: createAnswerBatch(), bodyIdleMs, onRefused };
  server.on('request', (incoming, response) => serveHttpExchange(serving, inboundOf(incoming.socket), incoming, response, false));
  server.on('checkContinue', (incoming, response) => serveHttpExchange(serving, inboundOf(incoming.socket), incoming, response, true));
  server.on('checkExpectation', (incoming, response) => serveHttpExchange(serving, inboundOf(incoming.socket), incoming, response, true));

  const refuseUncounted = (socket: Duplex, error: AppError) => {
    onRefused(error.code);
    refuseSocket(socket, error);
  };
  server.on('upgrade', (incoming, _, head) => {
    const { socket } = incoming;
    // Breaking off shows as its close; unheard it would end the process.
    socket.on('error', () => undefined);
    afterAnswers(socket, () => serveUpgrade(serving, inboundOf(socket), incoming, socket, head));
  });
  server.on('clientError', (cause: NodeJS.ErrnoException, socket) => {
    if (isBeforeTls(socket)) return socket.destroy();
    const inProgress = responseOn(socket);
    // In the middle of an answer there is no place for another.
    if (cause.code === 'ECONNRESET' || !socket.writable || inProgress?.headersSent === true) socket.destroy();
    // A body that goes wrong belongs to an exchange, which counts itself.
    else if (inProgress !== undefined) refuseSocket(socket, unreadableRequest(cause));
    else refuseUncounted(socket, unreadableRequest(cause));
  });

  return {
    server,
    inboundOf,
    accept: (socket, inbound) => {
      inbounds.set(socket, inbound);
      // What a server over TLS calls a connection is one that has its handshake before it.
      server.emit(tls === undefined ? 'connection' : 'secureConnection', socket);
    },
  };
}

function isWebSocket({ headers }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === 'websocket';
}

function unreadableRequest(cause: NodeJS.ErrnoException): AppError {
  if (cause.code === 'HPE_HEADER_OVERFLOW')
    return new AppError('headers_too_large', `The head of the request is larger than ${maxHeaderBytes} bytes. Send less in headers.`, {
      cause,
    });
  if (cause.code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return new AppError('bad_request', 'The head of the request took too long to arrive. Send it again.', { cause });
  return new AppError('bad_request', 'This is not valid HTTP/1.1, so it was not looked at any further. Check the client.', { cause });
}
