import { AppError } from '@leasehold/core';

const maxHeaders = 100;

export interface Framing {
  readonly host: string | undefined;
  readonly contentLength: string | undefined;
  readonly isChunked: boolean;
}

/** The headers that Node's parser has acted on, which are said once or not at all (RFC 9112 sections 3.2 and 6). */
export function readFraming(rawHeaders: readonly string[]): Framing {
  if (rawHeaders.length > maxHeaders * 2)
    throw new AppError('headers_too_large', `The request has more than ${maxHeaders} headers. Send fewer.`);
  let host: string | undefined;
  let contentLength: string | undefined;
  let transferEncoding: string | undefined;
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    if (name.length !== 4 && name.length !== 14 && name.length !== 17) continue;
    const lower = name.toLowerCase();
    const value = rawHeaders[index + 1] ?? '';
    if (lower === 'host') {
      if (host !== undefined) throw twice('Host');
      host = value;
    } else if (lower === 'content-length') {
      if (contentLength !== undefined) throw twice('Content-Length');
      contentLength = value;
    } else if (lower === 'transfer-encoding') {
      if (transferEncoding !== undefined) throw twice('Transfer-Encoding');
      transferEncoding = value;
    }
  }
  // Another coding would go on without its label: only chunked is ours to take off.
  if (transferEncoding !== undefined && transferEncoding.toLowerCase() !== 'chunked')
    throw new AppError('unsupported', 'The only Transfer-Encoding that is served is chunked. Send the body without another.');
  return { host, contentLength, isChunked: transferEncoding !== undefined };
}

function twice(name: string): AppError {
  return new AppError('bad_request', `The request has two ${name} headers. Send one.`);
}
