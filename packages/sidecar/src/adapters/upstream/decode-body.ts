import type { Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib';
import { AppError } from '@leasehold/core';

/** More than this times what came over the wire, past the first megabyte, is a bomb (THREATS 39). */
const maxRatio = 1_000;
const freeBytes = 1_048_576;

export interface BodyDecoder {
  write(chunk: Buffer): void;
  end(): void;
  pause(): void;
  resume(): void;
  destroy(): void;
}

const decoders: Readonly<Record<string, () => Transform>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
  zstd: createZstdDecompress,
};

export function canDecode(encoding: string): boolean {
  return encoding in decoders;
}

/** For an upstream that encodes although it was asked not to: what can't be read can't be scrubbed (INV-10). */
export function createBodyDecoder(
  encoding: string,
  on: {
    readonly data: (chunk: Buffer) => void;
    readonly end: () => void;
    readonly failed: (error: AppError) => void;
    readonly full: () => void;
    readonly drained: () => void;
  },
): BodyDecoder {
  const decoder = decoders[encoding]?.();
  if (decoder === undefined) throw unreadable(encoding);
  let bytesIn = 0;
  let bytesOut = 0;
  decoder.on('data', (chunk: Buffer) => {
    bytesOut += chunk.length;
    if (bytesOut > freeBytes && bytesOut > bytesIn * maxRatio) {
      decoder.destroy();
      on.failed(new AppError('response_unreadable', 'The answer unpacks to far more than was sent, so it was dropped.'));
      return;
    }
    on.data(chunk);
  });
  decoder.on('end', on.end);
  decoder.on('drain', on.drained);
  decoder.on('error', (cause) =>
    on.failed(new AppError('response_unreadable', `The upstream sent a body that is no valid ${encoding}.`, { cause })),
  );
  return {
    write: (chunk) => {
      bytesIn += chunk.length;
      if (!decoder.write(chunk)) on.full();
    },
    end: () => decoder.end(),
    pause: () => decoder.pause(),
    resume: () => decoder.resume(),
    destroy: () => decoder.destroy(),
  };
}

export function unreadable(encoding: string): AppError {
  return new AppError(
    'response_unreadable',
    `The upstream encoded its answer as "${encoding.slice(0, 40)}", which can't be searched for the secret. It was asked for an answer without encoding.`,
  );
}
