import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AppError } from '@leasehold/core';
import type { AgentRequest, ExchangeControl } from '../../ports/agent-exchange.ts';
import type { AgentService } from '../../ports/agent-service.ts';
import { readAgentRequest } from './agent-request.ts';
import type { AnswerBatch } from './answer-batch.ts';
import { HttpReply } from './http-reply.ts';
import type { Inbound } from './inbound.ts';
import { lingerMs } from './linger.ts';
import { errorFor } from './refusal.ts';
import { whoStalls } from './who-stalls.ts';

export interface ServeOptions {
  readonly serviceFor: (incoming: IncomingMessage) => AgentService;
  readonly batch: AnswerBatch;
  /** How long an agent may keep silent in the middle of a body, ms. */
  readonly bodyIdleMs: number;
  /** Counts what was refused before it was a request. */
  readonly onRefused: (code: AppError['code']) => void;
}

/** One request of Node's server as an agent exchange. `isWaiting`: the agent holds its body back until it is told to go on. */
export function serveHttpExchange(
  { serviceFor, batch, bodyIdleMs, onRefused }: ServeOptions,
  inbound: Inbound,
  incoming: IncomingMessage,
  response: ServerResponse,
  isWaiting: boolean,
): void {
  const reply = new HttpReply(response, isWaiting, batch);
  let request: AgentRequest | undefined;
  let service: AgentService;
  try {
    request = readAgentRequest(incoming, inbound);
    service = inbound.kind === 'tunnel' ? inbound.service : serviceFor(incoming);
  } catch (thrown) {
    const error = errorFor(thrown, request);
    reply.refuse(error);
    onRefused(error.code);
    discardRest(incoming);
    return;
  }
  const control = service.handle(request, reply);
  response.on('close', () => {
    if (response.writableFinished) discardRest(incoming);
    else control.abandoned();
  });
  response.on('drain', () => control.drained());
  if (request.body !== undefined) watchBody(incoming, response, reply, control, bodyIdleMs);
}

/** A slow upload is one thing, an agent that keeps a connection to the upstream busy with nothing another (THREATS 39). */
function watchBody(
  incoming: IncomingMessage,
  response: ServerResponse,
  reply: Pick<HttpReply, 'isStarted'>,
  control: ExchangeControl,
  bodyIdleMs: number,
): void {
  const { socket } = incoming;
  // Counted on the socket, since bytes either way show that somebody is there; heard on the response, or Node's server would destroy the socket.
  incoming.setTimeout(bodyIdleMs);
  response.on('timeout', () => {
    // An answer that has begun may go on beside an upload that is quiet.
    if (!reply.isStarted) control.stalled(whoStalls(incoming, incoming.complete));
  });
  // Once it is answered the connection is idle, and the time that Node gives an idle one counts.
  incoming.once('close', () => {
    if (!response.writableFinished) socket.setTimeout(0);
  });
  // Breaking off shows on the response too; unheard it would end the process.
  incoming.on('error', () => undefined);
}

/** Without it the connection would wait for ever for somebody to read; closing at once could take the answer with it. */
function discardRest(incoming: IncomingMessage): void {
  if (incoming.complete || incoming.destroyed) return;
  const { socket } = incoming;
  const timer = setTimeout(() => socket.destroy(), lingerMs);
  incoming.once('close', () => clearTimeout(timer));
  incoming.on('error', () => undefined);
  incoming.resume();
}
