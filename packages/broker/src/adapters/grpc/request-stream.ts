import { constants, type ServerHttp2Stream } from 'node:http2';
import { Duplex } from 'node:stream';
import type { ServerInterceptor } from '@grpc/grpc-js';
import { AppError } from '@leasehold/core';

/** The HTTP/2 stream of a call, for what grpc-js has no word for. */
export interface RequestStream {
  /** Calls `onExceeded` once, when more than `maxBytes` came since the last message was whole. */
  bound(maxBytes: number, onExceeded: () => void): void;
  /** Tells of bytes as they come. */
  count(onBytes: (bytes: number) => void): void;
  /** A message is whole. */
  messageCame(): void;
  /** The call is over. A peer that does not end its side, or read ours, within this many ms is reset: else it would keep the stream, and what lies on it. */
  linger(ms: number): void;
  /** At once, whatever waits to be read. */
  reset(): void;
}

export function requestStreamOf(call: Parameters<ServerInterceptor>[1]): RequestStream {
  const stream: unknown = 'stream' in call ? call.stream : undefined;
  // Without it nothing would be bounded, so no call is taken.
  if (!isHttp2Stream(stream))
    throw new AppError('internal', 'grpc-js does not show the stream of a call. Run the version of the lockfile.');
  let unfinished = 0;
  const reset = () => stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  return {
    bound(maxBytes, onExceeded) {
      // grpc-js has paused the stream already: listening does not make it flow.
      const count = (chunk: Buffer) => {
        unfinished += chunk.length;
        if (unfinished <= maxBytes) return;
        stream.off('data', count);
        onExceeded();
      };
      stream.on('data', count);
    },
    count(onBytes) {
      stream.on('data', (chunk: Buffer) => onBytes(chunk.length));
    },
    messageCame() {
      unfinished = 0;
    },
    linger(ms) {
      if (stream.closed) return;
      const timer = setTimeout(reset, ms);
      stream.once('close', () => clearTimeout(timer));
    },
    reset,
  };
}

function isHttp2Stream(value: unknown): value is ServerHttp2Stream {
  return value instanceof Duplex && 'respond' in value && 'rstCode' in value;
}
