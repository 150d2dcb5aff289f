import { fromUint64, type WatchRequest } from '@leasehold/contract/grpc';
import { AppError } from '@leasehold/core';
import type { Connections } from '../../connections/connections.ts';
import type { Watcher, WatchHub } from '../../ports/watch-stream.ts';
import { createByteBudget } from './byte-budget.ts';
import type { CallGate } from './call-gate.ts';
import { parseStart } from './requests.ts';
import { createWatchSink, type WatchServerStream } from './watch-sink.ts';
import { createWatchEncoder } from './watch-wire.ts';

export interface WatchServiceOptions {
  readonly callerOf: CallGate['callerOf'];
  readonly hub: WatchHub;
  readonly maxQueuedMessages: number;
  readonly maxQueuedBytes: number;
  readonly maxQueuedBytesInAll: number;
  readonly unreadForMs: number;
  readonly lingerMs: number;
  /** grpc-js can't reset a stream whose reader does not read: the slow reader's connection is closed. */
  readonly connections: Pick<Connections, 'keep' | 'cut'>;
}

/** Time that a sidecar has to say where it stands, ms. */
const startWithinMs = 10_000;

/** `LeaseService.Watch`: checks the protocol of the sidecar's side; what is said to it is the hub's. */
export function createWatchService({
  callerOf,
  hub,
  maxQueuedMessages,
  maxQueuedBytes,
  maxQueuedBytesInAll,
  unreadForMs,
  lingerMs,
  connections,
}: WatchServiceOptions): (stream: WatchServerStream) => void {
  const encodeMessage = createWatchEncoder();
  const budget = createByteBudget(maxQueuedBytesInAll);

  return (stream) => {
    /** The sidecar has left, so the hub forgets it. What it has not read still lies here, until the stream is gone. */
    const left = new AbortController();
    const gone = new AbortController();
    const peer = stream.getPeer();
    const sink = createWatchSink({
      stream,
      encodeMessage,
      maxMessages: maxQueuedMessages,
      maxBytes: maxQueuedBytes,
      owner: () => callerOf(stream).tenantId,
      budget,
      unreadForMs,
      gone: gone.signal,
      lingerMs,
      cut: () => connections.cut(peer),
    });
    let watcher: Watcher | undefined;
    const timer = setTimeout(() => fail(new AppError('invalid_argument', 'Send `start` first.')), startWithinMs);

    const leave = () => {
      clearTimeout(timer);
      left.abort();
    };
    const fail = (thrown: unknown) => {
      if (left.signal.aborted) return;
      leave();
      sink.end({ kind: 'error', error: AppError.from(thrown) });
    };
    const receive = ({ message }: WatchRequest) => {
      switch (message.case) {
        case 'start': {
          if (watcher !== undefined) throw new AppError('invalid_argument', 'Send `start` once.');
          const caller = callerOf(stream);
          clearTimeout(timer);
          connections.keep(peer, caller.tenantId, left.signal);
          watcher = hub.attach(caller, parseStart(message.value), sink, left.signal);
          return;
        }
        case 'ping':
          return started(watcher).ping(fromUint64(message.value.id, 'ping.id'));
        case 'applied':
          return started(watcher).applied(fromUint64(message.value.seq, 'applied.seq'));
        default:
          throw new AppError('invalid_argument', 'This message is not known. Run the same version of broker and sidecar.');
      }
    };

    stream.on('cancelled', () => {
      leave();
      gone.abort();
    });
    stream.on('end', () => {
      leave();
      sink.close();
    });
    stream.on('finish', () => gone.abort());
    stream.on('data', (request) => {
      if (left.signal.aborted) return;
      try {
        receive(request);
      } catch (thrown) {
        fail(thrown);
      }
    });
  };
}

function started(watcher: Watcher | undefined): Watcher {
  if (watcher === undefined) throw new AppError('invalid_argument', 'Send `start` first.');
  return watcher;
}
