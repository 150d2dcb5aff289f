import { toStatus } from '@leasehold/contract/grpc';
import type { AppError } from '@leasehold/core';
import { requestIdFor } from './refusal.ts';

/** Whether an answer is read by a gRPC client, which shows its user nothing of another body. */
export function isGrpc(rawHeaders: readonly string[]): boolean {
  const at = rawHeaders.findIndex((text, index) => index % 2 === 0 && text === 'content-type');
  return at !== -1 && /^application\/grpc(?![\w-])/i.test(rawHeaders[at + 1] ?? '');
}

/** The typed answer in gRPC's own words: a status and a message in place of a body ("Trailers-Only" in its specification of HTTP/2). */
export function grpcRefusalHead(error: AppError): readonly string[] {
  const { code, details } = toStatus(error);
  return [
    ':status',
    '200',
    'content-type',
    'application/grpc',
    'grpc-status',
    String(code),
    'grpc-message',
    percentEncoded(details),
    'x-leasehold-error',
    error.code,
    'x-leasehold-request-id',
    requestIdFor(error),
  ];
}

/** As gRPC wants it: bytes of UTF-8, but for what is printable ASCII and no percent sign. */
function percentEncoded(text: string): string {
  return text.replaceAll(/[^\x20-\x24\x26-\x7e]+/gu, (part) =>
    [...Buffer.from(part)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  );
}
