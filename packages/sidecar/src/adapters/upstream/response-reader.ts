import type { AppError } from '@leasehold/core';
import type { UpstreamEvents } from '../../ports/upstream.ts';
import { type BodyDecoder, canDecode, createBodyDecoder, unreadable } from './decode-body.ts';

/** Reads one answer: head without hop-by-hop headers, body without content coding. */
export interface ResponseReader {
  data(chunk: Buffer): void;
  end(): void;
  /** True when the reader itself took care of it. */
  pause(): boolean;
  resume(): boolean;
  destroy(): void;
}

interface Flow {
  pause(): void;
  resume(): void;
}

// RFC 9110 section 7.6.1.
const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  // Tells the agent to go around the proxy.
  'alt-svc',
]);

export function createResponseReader(
  status: number,
  rawHeaders: readonly (Buffer | string)[],
  flow: Flow,
  on: UpstreamEvents,
  fail: (error: AppError) => void,
): ResponseReader {
  const headers: string[] = [];
  let encoding = '';
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = asText(rawHeaders[index]);
    const lower = name.toLowerCase();
    if (hopByHop.has(lower)) continue;
    const value = asText(rawHeaders[index + 1]);
    if (lower === 'content-encoding') encoding = value.trim().toLowerCase();
    headers.push(name, value);
  }
  if (encoding === '' || encoding === 'identity' || status === 204 || status === 304) {
    on.head(status, headers);
    return { data: on.data, end: on.end, pause: () => false, resume: () => false, destroy: () => {} };
  }
  if (!canDecode(encoding)) {
    fail(unreadable(encoding));
    return { data: () => {}, end: () => {}, pause: () => true, resume: () => true, destroy: () => {} };
  }
  on.head(status, withoutLengthAndCoding(headers));
  return decoding(encoding, flow, on, fail);
}

function decoding(encoding: string, flow: Flow, on: UpstreamEvents, fail: (error: AppError) => void): ResponseReader {
  const decoder: BodyDecoder = createBodyDecoder(encoding, {
    data: on.data,
    end: on.end,
    failed: fail,
    full: () => flow.pause(),
    drained: () => flow.resume(),
  });
  return {
    data: decoder.write,
    end: decoder.end,
    pause: () => {
      decoder.pause();
      return true;
    },
    resume: () => {
      decoder.resume();
      return true;
    },
    destroy: decoder.destroy,
  };
}

/** The length was that of the coded body; validators with a strong meaning belonged to it too (RFC 9110 section 8.8.3). */
function withoutLengthAndCoding(headers: readonly string[]): string[] {
  const kept: string[] = [];
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const name = headers[index] ?? '';
    if (/^(?:content-length|content-encoding|etag|content-md5|digest|content-digest|accept-ranges)$/i.test(name)) continue;
    kept.push(name, headers[index + 1] ?? '');
  }
  return kept;
}

function asText(raw: Buffer | string | undefined): string {
  return raw === undefined ? '' : typeof raw === 'string' ? raw : raw.toString('latin1');
}
