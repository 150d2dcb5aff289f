import type { IncomingHttpHeaders } from 'node:http';

/** The head of an answer as it may go on. */
export interface AnswerHead {
  /** Flat, without what belongs to the connection. */
  readonly headers: string[];
  /** The content coding that has to be taken off; undefined when there is none. */
  readonly coding: string | undefined;
}

// RFC 9110 section 7.6.1, and what would tell the agent to go around the proxy, or speak in our name.
const dropped: ReadonlySet<string> = new Set([
  ':status',
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'alt-svc',
  'http2-settings',
  'x-leasehold-error',
]);

/** The length was that of the coded body; validators with a strong meaning belonged to it too (RFC 9110 section 8.8.3). */
const ofCodedBody: ReadonlySet<string> = new Set([
  'content-length',
  'content-encoding',
  'etag',
  'content-md5',
  'digest',
  'content-digest',
  'accept-ranges',
]);

/** `received` as undici reads it: names in lower case, several of a name as an array. */
export function readAnswerHead(received: IncomingHttpHeaders): AnswerHead {
  const { connection } = received;
  const nominated = connection === undefined || /^(?:keep-alive|close)$/i.test(connection) ? undefined : tokensOf(connection);
  const coding = codingOf(received);
  const headers: string[] = [];
  for (const name in received) {
    if (dropped.has(name) || nominated?.includes(name) === true || (coding !== undefined && ofCodedBody.has(name))) continue;
    const value = received[name];
    if (typeof value === 'string') headers.push(name, value);
    else for (const each of value ?? []) headers.push(name, each);
  }
  return { headers, coding };
}

/**
 * Everything that stands between the body's bytes and what can be searched for the secret: content codings, from however many headers, and
 * transfer codings other than chunked, which would go on unlabelled.
 */
function codingOf(received: IncomingHttpHeaders): string | undefined {
  const codings = received['content-encoding'] === undefined ? [] : tokensOf(received['content-encoding']);
  const transfer = received['transfer-encoding'] === undefined ? [] : tokensOf(received['transfer-encoding']);
  const messages = messageCodingOf(received);
  if (messages !== undefined) return messages;
  const taken = [...codings.filter((token) => token !== 'identity'), ...transfer.filter((token) => token !== 'chunked')];
  return taken.length === 0 ? undefined : taken.join(', ');
}

/** Messages that are each compressed by themselves, although nobody was asked to: named so that no decoder of bodies takes it on. */
function messageCodingOf(received: IncomingHttpHeaders): string | undefined {
  const coding = received['grpc-encoding'] ?? received['connect-content-encoding'];
  return coding === undefined || coding === 'identity' ? undefined : `messages in ${String(coding)}`;
}

function tokensOf(value: string | readonly string[]): readonly string[] {
  const text = typeof value === 'string' ? value : value.join(',');
  return text
    .toLowerCase()
    .split(',')
    .map((token) => token.trim())
    .filter((token) => token !== '');
}

const framing: ReadonlySet<string> = new Set([...dropped, 'content-length', 'content-encoding', 'content-type', 'host', 'set-cookie']);

/** Trailers that may go on (RFC 9110 section 6.5.1: none that frame or route). */
export function readTrailers(received: IncomingHttpHeaders): string[] {
  const trailers: string[] = [];
  for (const name in received) {
    const value = received[name];
    if (!framing.has(name) && typeof value === 'string') trailers.push(name, value);
  }
  return trailers;
}
