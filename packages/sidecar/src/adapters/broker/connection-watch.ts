import { type Channel, connectivityState } from '@grpc/grpc-js';

/** Resolves when the channel's connection comes to stand; never, once `ended` aborts or the channel is closed. */
export type ConnectionWatch = (ended: AbortSignal) => Promise<void>;

/** One watch of the channel, however many wait and however often: gRPC forgets none before the state changes, and a broker may be away for days. */
export function watchConnection(channel: Channel): ConnectionWatch {
  const waiting = new Set<() => void>();
  let isWatching = false;

  function look(): void {
    const before = channel.getConnectivityState(false);
    isWatching = waiting.size > 0 && before !== connectivityState.SHUTDOWN;
    if (!isWatching) return;
    channel.watchConnectivityState(before, Number.POSITIVE_INFINITY, () => {
      if (channel.getConnectivityState(false) === connectivityState.READY) {
        for (const resolve of waiting) resolve();
        waiting.clear();
      }
      look();
    });
  }

  return (ended) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (ended.aborted) return promise;
    waiting.add(resolve);
    ended.addEventListener('abort', () => waiting.delete(resolve), { once: true });
    if (!isWatching) look();
    return promise;
  };
}
