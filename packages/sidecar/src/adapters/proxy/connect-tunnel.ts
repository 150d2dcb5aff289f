import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { AppError } from '@leasehold/core';
import type { AgentService, TunnelTarget, TunnelVerdict } from '../../ports/agent-service.ts';
import { passBlind } from './blind-tunnel.ts';
import { readConnectTarget } from './connect-target.ts';
import { httpStatusOf } from './error-to-http.ts';
import { type HttpConnections, type HttpConnectionsOptions, lingerMs } from './http-connections.ts';
import { refuseSocket } from './refuse-socket.ts';
import { responseOn } from './response-on.ts';
import type { EndTls } from './tls-terminator.ts';

/** Connects to what no credential is bound to. An address that is not public is refused. Called back once. */
export type DialBlind = (target: TunnelTarget, connected: (error: AppError | null, socket: Socket | null) => void) => void;

export interface ConnectTunnelOptions extends Pick<HttpConnectionsOptions, 'serviceFor' | 'onRefused'> {
  readonly connections: HttpConnections;
  readonly endTls: EndTls;
  readonly dialBlind: DialBlind;
  /** How long an agent may take for its first byte, ms. */
  readonly firstByteTimeoutMs: number;
  /** How long nothing may pass through a blind tunnel, ms. */
  readonly blindIdleMs: number;
}

/** Serves CONNECT: the target is judged before a byte of the tunnel is read, and the first byte says what is inside. */
export function serveConnect(options: ConnectTunnelOptions): void {
  const { connections, serviceFor, onRefused } = options;

  connections.server.on('connect', (incoming, stream, head) => {
    const { socket } = incoming;
    socket.on('error', () => undefined);
    // The answer to an earlier request is still on its way: what is written now would come before it.
    if (responseOn(socket) !== undefined) return socket.destroy();
    let target: TunnelTarget;
    let service: AgentService;
    try {
      target = targetOf(incoming, stream, connections);
      service = serviceFor(incoming);
    } catch (thrown) {
      const error = AppError.from(thrown);
      onRefused(error.code);
      return refuseSocket(socket, error, lingerMs);
    }
    if (head.length > 0) socket.unshift(head);
    const verdict = service.judgeTunnel(target);
    if (verdict instanceof Promise) verdict.then((late) => open(socket, target, service, late));
    else open(socket, target, service, verdict);
  });

  function open(socket: Socket, target: TunnelTarget, service: AgentService, verdict: TunnelVerdict): void {
    if (socket.destroyed) return;
    const letGo = verdict.kind === 'refused' ? undefined : service.keep(() => socket.destroy());
    if (letGo !== undefined) socket.once('close', letGo);
    if (verdict.kind === 'refused') refuse(socket, target, service, verdict.error);
    else if (letGo === undefined) refuse(socket, target, service, tooMany());
    else if (verdict.kind === 'blind') openBlind(socket, target, service);
    else openIntercepted(socket, target, service);
  }

  function refuse(socket: Socket, target: TunnelTarget, service: AgentService, error: AppError): void {
    service.recordTunnel(target, error.code, httpStatusOf[error.code]);
    refuseSocket(socket, error, lingerMs);
  }

  function openIntercepted(socket: Socket, target: TunnelTarget, service: AgentService): void {
    socket.write(established);
    onFirstByte(socket, options.firstByteTimeoutMs, (byte) => {
      if (byte === tlsHandshake) options.endTls(socket, { scheme: 'https', ...target }, service);
      else {
        connections.accept(socket, { kind: 'tunnel', authority: { scheme: 'http', ...target }, service });
        socket.resume();
      }
    });
  }

  function openBlind(socket: Socket, target: TunnelTarget, service: AgentService): void {
    options.dialBlind(target, (error, upstream) => {
      if (error !== null || upstream === null) refuse(socket, target, service, AppError.from(error));
      else if (socket.destroyed) upstream.destroy();
      else {
        socket.write(established);
        passBlind(socket, upstream, options.blindIdleMs);
        socket.once('close', () => service.recordTunnel(target, 'passed_blind', 200));
      }
    });
  }
}

const established = 'HTTP/1.1 200 Connection Established\r\n\r\n';
/** Content type of a TLS record that holds a ClientHello (RFC 8446 section 5.1): no HTTP method begins with it. */
const tlsHandshake = 0x16;

function targetOf(incoming: IncomingMessage, stream: Duplex, { inboundOf }: HttpConnections): TunnelTarget {
  const inbound = inboundOf(incoming.socket);
  if (inbound.kind !== 'open') throw new AppError('unsupported', 'There is no CONNECT inside a tunnel. Send it to the proxy itself.');
  const target = readConnectTarget(incoming, inbound.ownPort);
  // Node hands out something else than the socket while it believes that a body is still to come.
  if (stream !== incoming.socket) throw new AppError('bad_request', 'A CONNECT has no body. Send it without one.');
  return target;
}

/** Calls `found` with the first byte of what the agent sends; it is read again by whoever serves the socket, paused until then. */
function onFirstByte(socket: Socket, timeoutMs: number, found: (byte: number | undefined) => void): void {
  const giveUp = () => socket.destroy();
  const timer = setTimeout(giveUp, timeoutMs);
  socket.once('end', giveUp);
  socket.once('close', () => clearTimeout(timer));
  socket.once('data', (chunk: Buffer) => {
    clearTimeout(timer);
    socket.off('end', giveUp);
    socket.pause();
    socket.unshift(chunk);
    found(chunk[0]);
  });
}

function tooMany(): AppError {
  return new AppError('overloaded', 'This agent has as many connections open as it may. Close some, or try again later.', {
    retryAfterS: 1,
  });
}
