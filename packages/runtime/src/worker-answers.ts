import cluster from 'node:cluster';
import type { Registry } from 'prom-client';
import type { ReadyCheck } from './ops-server.ts';
import { parseWorkerAsk, type WorkerAsk } from './worker-messages.ts';

/** Which of a program's workers this process is, counted from 1 and never twice; undefined when it is none. */
export function workerNumber(): number | undefined {
  return cluster.worker?.id;
}

/** A worker's answers to its primary, in place of an ops server of its own. Ends when `ended` aborts. */
export function answerPrimary({ registry, ready }: { readonly registry: Registry; readonly ready: ReadyCheck }, ended: AbortSignal): void {
  const answer = async ({ ask, id }: WorkerAsk): Promise<void> => {
    const value = ask === 'metrics' ? await registry.getMetricsAsJSON() : await ready();
    if (process.connected) process.send?.({ answerTo: id, value });
  };
  const hear = (message: unknown): void => {
    const ask = parseWorkerAsk(message);
    // A question that fails is one without an answer: the primary waits only so long.
    if (ask !== undefined) answer(ask).catch(() => undefined);
  };
  process.on('message', hear);
  // Listening must not keep a process alive that has nothing else left to do.
  process.channel?.unref();
  ended.addEventListener('abort', () => process.off('message', hear), { once: true });
}
