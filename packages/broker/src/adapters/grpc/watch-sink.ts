import {
  type EncodedMessage,
  endWithError,
  type ServerStream,
  type WatchRequestSchema,
  type WatchResponseSchema,
} from '@leasehold/contract/grpc';
import { AppError } from '@leasehold/core';
import type { WatchMessage, WatchSink } from '../../ports/watch-stream.ts';
import { encodeReset } from './watch-wire.ts';

export type WatchServerStream = ServerStream<typeof WatchRequestSchema, typeof WatchResponseSchema>;

export interface WatchSinkOptions {
  readonly stream: WatchServerStream;
  readonly encodeMessage: (message: WatchMessage) => EncodedMessage;
  /** What may wait for the other side to read it. */
  readonly maxMessages: number;
  readonly maxBytes: number;
  /** How long a stream that was ended may take to leave by itself, ms. */
  readonly lingerMs: number;
  /** Closes the connection without waiting for anything. */
  readonly cut: () => void;
}

/** One gRPC stream as the hub writes to it. The queue is bounded here, where it is filled. */
export function createWatchSink({ stream, encodeMessage, maxMessages, maxBytes, lingerMs, cut }: WatchSinkOptions): WatchSink {
  let messages = 0;
  let bytes = 0;
  let isEnded = false;

  return {
    send(message) {
      const encoded = encodeMessage(message);
      const size = encoded.bytes.length;
      // Not a slow reader's fault, and not better at the next try.
      if (size > maxBytes)
        throw new AppError(
          'internal',
          `It takes ${size} bytes, and ${maxBytes} is the most. Let the agent have fewer credentials, or smaller CA bundles.`,
        );
      if (messages >= maxMessages || bytes + size > maxBytes) return false;
      messages++;
      bytes += size;
      stream.write(encoded, () => {
        messages--;
        bytes -= size;
      });
      return true;
    },
    end(how) {
      if (isEnded) return;
      isEnded = true;
      if (how.kind === 'error') endWithError(stream, how.error);
      else {
        stream.write(encodeReset(how.why));
        stream.end();
      }
      // The end waits behind what is queued; a reader that does not read would keep all of it in memory.
      const timer = setTimeout(cut, lingerMs);
      stream.once('cancelled', () => clearTimeout(timer));
    },
  };
}
