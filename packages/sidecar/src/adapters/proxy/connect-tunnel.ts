import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { AppError } from '@leasehold/core';
import type { AgentService, TunnelTarget } from '../../ports/agent-service.ts';
import { afterAnswers } from './after-answers.ts';
import { readConnectTarget } from './connect-target.ts';
import { onFirstByte, tlsHandshake } from './first-byte.ts';
import type { HttpConnections, HttpConnectionsOptions } from './http-connections.ts';
import { tunnelErrorFor } from './refusal.ts';
import { refuseSocket } from './refuse-socket.ts';
import type { EndTls } from './tls-terminator.ts';
import type { OpenTunnel, TunnelEntry } from './tunnel-opener.ts';

export interface ConnectTunnelOptions extends Pick<HttpConnectionsOptions, 'serviceFor' | 'onRefused'> {
  readonly connections: HttpConnections;
  readonly open: OpenTunnel;
  readonly endTls: EndTls;
  /** How long an agent may take for its first byte, ms. */
  readonly firstByteTimeoutMs: number;
}

/** Serves CONNECT: the target is judged before a byte of the tunnel is read, and the first byte says what is inside. */
export function serveConnect({ connections, open, endTls, serviceFor, onRefused, firstByteTimeoutMs }: ConnectTunnelOptions): void {
  connections.server.on('connect', (incoming, stream, head) => {
    const { socket } = incoming;
    socket.on('error', () => undefined);
    afterAnswers(socket, () => begin(incoming, socket, stream, head));
  });

  function begin(incoming: IncomingMessage, socket: Socket, stream: Duplex, head: Buffer): void {
    let target: TunnelTarget | undefined;
    try {
      target = targetOf(incoming, stream, connections);
      const service = serviceFor(incoming);
      if (head.length > 0) socket.unshift(head);
      open(socket, target, service, entryOf(socket, target, service));
    } catch (thrown) {
      const error = tunnelErrorFor(thrown, target);
      onRefused(error.code);
      refuseSocket(socket, error);
    }
  }

  function entryOf(socket: Socket, target: TunnelTarget, service: AgentService): TunnelEntry {
    return {
      accept: () => socket.write('HTTP/1.1 200 Connection Established\r\n\r\n'),
      refuse: (error) => refuseSocket(socket, error),
      intercept: () =>
        onFirstByte(socket, firstByteTimeoutMs, (byte) => {
          if (byte === tlsHandshake) endTls(socket, { scheme: 'https', ...target }, service);
          else {
            connections.accept(socket, { kind: 'tunnel', authority: { scheme: 'http', ...target }, service });
            socket.resume();
          }
        }),
    };
  }
}

function targetOf(incoming: IncomingMessage, stream: Duplex, { inboundOf }: HttpConnections): TunnelTarget {
  const inbound = inboundOf(incoming.socket);
  if (inbound.kind !== 'open') throw new AppError('unsupported', 'There is no CONNECT inside a tunnel. Send it to the proxy itself.');
  const target = readConnectTarget(incoming, inbound.ownPort);
  // Node hands out something else than the socket while it believes that a body is still to come.
  if (stream !== incoming.socket) throw new AppError('bad_request', 'A CONNECT has no body. Send it without one.');
  return target;
}
