import {
  type EncodedMessage,
  endWithError,
  type ServerStream,
  type WatchRequestSchema,
  type WatchResponseSchema,
} from '@leasehold/contract/grpc';
import { AppError } from '@leasehold/core';
import type { WatchMessage, WatchSink } from '../../ports/watch-stream.ts';
import type { ByteBudget } from './byte-budget.ts';
import { encodeReset } from './watch-wire.ts';

export type WatchServerStream = ServerStream<typeof WatchRequestSchema, typeof WatchResponseSchema>;

export interface WatchSinkOptions {
  readonly stream: WatchServerStream;
  readonly encodeMessage: (message: WatchMessage) => EncodedMessage;
  /** What may wait for the other side to read it. */
  readonly maxMessages: number;
  readonly maxBytes: number;
  /** Whose they are; one queue may hold `maxBytes`, and all queues of one owner no more than its part. */
  readonly owner: () => string;
  readonly budget: ByteBudget;
  /** A stream of which nothing was read for so long, though something waits, is cut after at most twice that, ms. */
  readonly unreadForMs: number;
  /** The stream is gone, and with it what was queued. */
  readonly gone: AbortSignal;
  /** How long a stream that was ended may take to leave by itself, ms. */
  readonly lingerMs: number;
  /** Closes the connection without waiting for anything. */
  readonly cut: () => void;
}

/** One gRPC stream as the hub writes to it. The queue is bounded here, where it is filled. */
export interface StreamSink extends WatchSink {
  /** The other side has said its last. */
  close(): void;
}

export function createWatchSink(options: WatchSinkOptions): StreamSink {
  const { stream, encodeMessage, maxMessages, maxBytes, owner, budget, unreadForMs, gone, lingerMs, cut } = options;
  let messages = 0;
  let bytes = 0;
  let sent = 0;
  let isEnded = false;
  let patience: NodeJS.Timeout | undefined;

  const release = (size: number) => {
    bytes -= size;
    budget.give(owner(), size);
  };
  const wasSent = (size: number) => {
    messages -= 1;
    sent += 1;
    if (!gone.aborted) release(size);
  };
  const watch = () => {
    const before = sent;
    const look = () => {
      patience = undefined;
      if (gone.aborted || messages === 0) return;
      if (sent === before) cut();
      else watch();
    };
    // What was sent while the event loop was busy is told before that is held against the reader.
    patience ??= setTimeout(() => setImmediate(look), unreadForMs).unref();
  };
  gone.addEventListener('abort', () => {
    clearTimeout(patience);
    if (bytes > 0) release(bytes);
  });

  // The end waits behind what is queued; a reader that does not read would keep all of it in memory.
  const endSoon = () => {
    isEnded = true;
    const timer = setTimeout(cut, lingerMs);
    gone.addEventListener('abort', () => clearTimeout(timer));
  };

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
      if (gone.aborted || messages >= maxMessages || bytes + size > maxBytes || !budget.take(owner(), size)) return false;
      messages += 1;
      bytes += size;
      watch();
      stream.write(encoded, () => wasSent(size));
      return true;
    },
    end(how) {
      if (isEnded) return;
      endSoon();
      if (how.kind === 'error') endWithError(stream, how.error);
      else {
        stream.write(encodeReset(how.why));
        stream.end();
      }
    },
    close() {
      if (isEnded) return;
      endSoon();
      stream.end();
    },
  };
}
