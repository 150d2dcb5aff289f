import { AppError } from '@leasehold/core';
import type { OutgoingExchange } from '../../ports/upstream.ts';

/** undici's errors (https://undici.nodejs.org/#/docs/api/Errors) and Node's, as ours. The inner one is kept as cause and never shown. */
export function toUpstreamError(thrown: unknown, host: string): AppError {
  if (thrown instanceof AppError) return thrown;
  const code: unknown = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
  const options = { cause: thrown };
  switch (code) {
    case 'UND_ERR_HEADERS_TIMEOUT':
    case 'UND_ERR_BODY_TIMEOUT':
    case 'UND_ERR_CONNECT_TIMEOUT':
      return new AppError('upstream_timeout', `${host} took too long to answer. Try again.`, options);
    case 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH':
    case 'UND_ERR_INVALID_ARG':
    case 'UND_ERR_NOT_SUPPORTED':
    case 'ERR_HTTP2_HEADER_SINGLE_VALUE':
    case 'ERR_HTTP2_INVALID_CONNECTION_HEADERS':
    case 'ERR_INVALID_CHAR':
    case 'ERR_INVALID_HTTP_TOKEN':
      return new AppError('bad_request', 'The request could not be sent as it is: its length or a header contradicts its body.', options);
    case 'ERR_HTTP2_GOAWAY_SESSION':
    case 'ERR_HTTP2_INVALID_SESSION':
    case 'ERR_HTTP2_SESSION_ERROR':
    case 'ERR_HTTP2_STREAM_CANCEL':
    case 'ERR_HTTP2_STREAM_ERROR':
    case 'UND_ERR_SOCKET':
    case 'ECONNRESET':
    case 'EPIPE':
    case 'ETIMEDOUT':
      return new AppError('upstream_unreachable', `${host} closed the connection before the answer was whole. Try again.`, options);
    case 'UND_ERR_ABORTED':
    case 'UND_ERR_INFO':
    case 'UND_ERR_DESTROYED':
    case 'UND_ERR_CLOSED':
      return new AppError('upstream_unreachable', `The connection to ${host} was dropped. Try again.`, options);
    default:
      return new AppError('upstream_protocol_error', `${host} did not answer in valid HTTP.`, options);
  }
}

export function allBusy(host: string, connections: number): AppError {
  return new AppError(
    'overloaded',
    `All ${connections} connections to ${host} under this credential are in use. Try again in a moment, or have an operator raise --upstream-connections.`,
    { retryAfterS: 1 },
  );
}

export function closing(): AppError {
  return new AppError('overloaded', 'The sidecar is stopping. Try again in a moment.', { retryAfterS: 1 });
}

export function tooManyPools(): AppError {
  return new AppError('overloaded', 'The sidecar has connections to as many upstreams as it may. Try again in a moment.', {
    retryAfterS: 1,
  });
}

/** What is left of a request that failed before anything was made for it. */
export const nothingSent: OutgoingExchange = { abort: () => undefined, pause: () => undefined, resume: () => undefined };
