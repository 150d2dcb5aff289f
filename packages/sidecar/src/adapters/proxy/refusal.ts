import { randomUUID } from 'node:crypto';
import { type Channel, channel } from 'node:diagnostics_channel';
import { STATUS_CODES } from 'node:http';
import { AppError } from '@leasehold/core';
import { tunnelDestination } from '../../domain/judge-tunnel.ts';
import { taught } from '../../domain/refused.ts';
import { authorityOf } from '../../domain/route.ts';
import type { AgentRequest } from '../../ports/agent-exchange.ts';
import type { TunnelTarget } from '../../ports/agent-service.ts';
import { httpStatusOf } from './error-to-http.ts';

export interface Refusal {
  readonly status: number;
  /** Flat. */
  readonly headers: readonly string[];
  readonly body: string;
}

/** What became of a request before it was anybody's: `request` is what could be read of it. */
export function errorFor(thrown: unknown, request: AgentRequest | undefined): AppError {
  return taught(AppError.from(thrown), { agent: undefined, destination: request && authorityOf(request.target) });
}

/** The same of a tunnel. */
export function tunnelErrorFor(thrown: unknown, target: TunnelTarget | undefined): AppError {
  return taught(AppError.from(thrown), { agent: undefined, destination: target && tunnelDestination(target) });
}

/** `{ request_id, err }` of what nobody foresaw, for whoever logs: the agent is told to look the id up, and what answers it knows no log. */
export const unforeseen: Channel = channel('leasehold.sidecar.unforeseen');

const defaultRetryAfterS = 1;

/** A new id for a refusal that an agent is told of. */
export function requestIdFor(error: AppError): string {
  const requestId = randomUUID();
  if (error.code === 'internal') unforeseen.publish({ request_id: requestId, err: error });
  return requestId;
}

/** The typed answer to a request that is not forwarded. The message is public; its cause stays here. */
export function refusalOf(error: AppError): Refusal {
  const status = httpStatusOf[error.code];
  const { code, message, destination, hint } = error;
  const body = `${JSON.stringify({ error: { code, message, destination, hint, request_id: requestIdFor(error) } })}\n`;
  const headers = [
    'content-type',
    'application/json',
    'content-length',
    String(Buffer.byteLength(body)),
    'x-leasehold-error',
    error.code,
    'cache-control',
    'no-store',
  ];
  // RFC 9110 section 15.5.8; and what clients look for before they send what they have.
  if (status === 407) headers.push('proxy-authenticate', 'Basic realm="leasehold", Bearer');
  if (status === 503 || error.retryAfterS !== undefined) headers.push('retry-after', String(error.retryAfterS ?? defaultRetryAfterS));
  return { status, headers, body };
}

/** For a connection on which Node's server gives us no response object: a parse error, CONNECT, an upgrade. */
export function refusalBytes(error: AppError): string {
  const { status, headers, body } = refusalOf(error);
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nconnection: close\r\n`;
  for (let index = 0; index + 1 < headers.length; index += 2) head += `${headers[index]}: ${headers[index + 1]}\r\n`;
  return `${head}\r\n${body}`;
}
