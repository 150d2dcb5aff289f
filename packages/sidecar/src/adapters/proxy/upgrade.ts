import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { AppError } from '@leasehold/core';
import type { AgentRequest } from '../../ports/agent-exchange.ts';
import type { AgentService } from '../../ports/agent-service.ts';
import { readAgentRequest } from './agent-request.ts';
import type { ServeOptions } from './http-exchange.ts';
import type { Inbound } from './inbound.ts';
import { errorFor } from './refusal.ts';
import { WebSocketReply } from './websocket-reply.ts';

/** A WebSocket handshake (RFC 6455 section 4) as an agent exchange: judged and injected like any request, then frames both ways until one side ends. */
export function serveUpgrade(
  { serviceFor, batch, onRefused }: Pick<ServeOptions, 'serviceFor' | 'batch' | 'onRefused'>,
  inbound: Inbound,
  incoming: IncomingMessage,
  socket: Socket,
  head: Buffer,
): void {
  const reply = new WebSocketReply(incoming, socket, batch);
  let request: AgentRequest | undefined;
  let service: AgentService;
  try {
    request = readHandshake(incoming, inbound, framesOf(socket, head));
    service = inbound.kind === 'tunnel' ? inbound.service : serviceFor(incoming);
  } catch (thrown) {
    const error = errorFor(thrown, request);
    reply.refuse(error);
    onRefused(error.code);
    return;
  }
  const control = service.handle(request, reply);
  socket.on('drain', () => control.drained());
  socket.on('close', () => control.abandoned());
  // Who ends before there is an answer wants none; later it is half of an orderly end.
  socket.on('end', () => {
    if (!reply.isStarted) socket.destroy();
  });
}

function readHandshake(incoming: IncomingMessage, inbound: Inbound, frames: PassThrough): AgentRequest {
  const { headers, method, httpVersion } = incoming;
  // A client may write the scheme that it means.
  incoming.url = incoming.url?.replace(/^ws(?=s?:\/\/)/i, 'http');
  const request = readAgentRequest(incoming, inbound);
  if (request.body !== undefined || method !== 'GET' || httpVersion !== '1.1' || headers.expect !== undefined)
    throw new AppError('bad_request', 'A WebSocket begins with a GET by HTTP/1.1, without a body. Check the client.');
  if (headers['sec-websocket-version'] !== '13')
    throw new AppError('bad_request', 'The only WebSocket version that is served is 13 (RFC 6455). Send Sec-WebSocket-Version: 13.');
  if (!/^[A-Za-z0-9+/]{22}==$/.test(headers['sec-websocket-key'] ?? ''))
    throw new AppError('bad_request', 'The Sec-WebSocket-Key of this handshake is not 16 bytes in base64. Check the client.');
  return { ...request, protocol: 'websocket', body: frames };
}

/** What the agent sends behind its handshake. Read ahead by a buffer's worth, or nobody would notice that an agent that waits for its answer is gone. */
function framesOf(socket: Socket, head: Buffer): PassThrough {
  const frames = new PassThrough();
  if (head.length > 0) frames.write(head);
  socket.pipe(frames);
  socket.once('close', () => frames.destroy());
  return frames;
}
