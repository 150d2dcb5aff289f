import type { Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate, createInflateRaw, createZstdDecompress } from 'node:zlib';
import { AppError } from '@leasehold/core';

/** More than this times what came over the wire, past the first megabyte, is a bomb (THREATS 39). Deflate itself ends at 1,032. */
const maxRatio = 200;
const freeBytes = 1_048_576;

export interface BodyDecoder {
  /** False: stop until `drained`. */
  write(chunk: Buffer): boolean;
  end(): void;
  pause(): void;
  resume(): void;
  destroy(): void;
}

export interface DecodedEvents {
  data(chunk: Buffer): void;
  end(): void;
  failed(error: AppError): void;
  /** There is room again for what `write` takes. */
  drained(): void;
}

const decoders: Readonly<Record<string, (first: Buffer) => Transform>> = {
  gzip: () => createGunzip(),
  'x-gzip': () => createGunzip(),
  // RFC 9110 section 8.4.1.2 says zlib; some servers leave its header out, whose first four bits are 8.
  deflate: (first) => (((first[0] ?? 0) & 0x0f) === 8 ? createInflate() : createInflateRaw()),
  br: () => createBrotliDecompress(),
  zstd: () => createZstdDecompress(),
};

/** For an upstream that encodes although it was asked not to: what can't be read can't be scrubbed (INV-10). Undefined for what nobody can read. */
export function createBodyDecoder(coding: string, on: DecodedEvents): BodyDecoder | undefined {
  const create = Object.hasOwn(decoders, coding) ? decoders[coding] : undefined;
  if (create === undefined) return undefined;
  let decoder: Transform | undefined;
  let bytesIn = 0;
  let bytesOut = 0;

  function begin(first: Buffer): Transform {
    const made = create?.(first) ?? createGunzip();
    made.on('data', (chunk: Buffer) => {
      bytesOut += chunk.length;
      if (bytesOut <= freeBytes || bytesOut <= bytesIn * maxRatio) return on.data(chunk);
      made.destroy();
      on.failed(new AppError('response_unreadable', 'The answer unpacks to far more than was sent, so it was dropped.'));
    });
    made.on('end', on.end);
    made.on('drain', on.drained);
    made.on('error', (cause) =>
      on.failed(new AppError('response_unreadable', `The upstream sent a body that is no valid ${coding}.`, { cause })),
    );
    return made;
  }

  return {
    write(chunk) {
      bytesIn += chunk.length;
      decoder ??= begin(chunk);
      return decoder.write(chunk);
    },
    end() {
      if (decoder === undefined) on.end();
      else decoder.end();
    },
    pause: () => decoder?.pause(),
    resume: () => decoder?.resume(),
    destroy: () => decoder?.destroy(),
  };
}

export function unreadable(coding: string): AppError {
  return new AppError(
    'response_unreadable',
    `The upstream encoded its answer as "${coding.replaceAll(/[^a-z0-9,. _-]/g, '?').slice(0, 40)}", which can't be searched for the secret. It was asked for an answer without encoding.`,
  );
}
