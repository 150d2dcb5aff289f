/**
 * How long a sidecar waits for its broker, and between two attempts, ms. Beside the settings, since nobody sets it: the model that proves the promise
 * and the benches read it here, so that they show the product's own.
 */
export const patience = {
  backoff: { firstMs: 100, maxMs: 5_000 },
  /**
   * For a stream's hello. A stream that begins while its connection waits in a crowd for its handshake goes out as soon as that is done: whoever gave it
   * up sooner would be backing off just then. A connection that is dead is found by the channel's own pings, before that.
   */
  helloTimeoutMs: 10_000,
  /**
   * The channel's pings. A connection whose other end went without a word (a node that died, a forgotten NAT entry) stays open for a quarter of an hour,
   * and every new stream would begin on it. A broker that pauses for less than the timeout keeps its connections.
   */
  keepalive: { timeMs: 2_000, timeoutMs: 4_000 },
  /** Of a request, for the sidecar to get in step. */
  stepWaitMs: 3_000,
  /** After a failure, before the broker is asked for the same lease again. */
  pauseAfterFailureMs: 200,
} as const;
