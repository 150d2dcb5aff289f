import cluster, { type Worker } from 'node:cluster';
import { setTimeout as pause } from 'node:timers/promises';
import { AppError, isErrorCode } from '@leasehold/core';
import { AggregatorRegistry, Registry } from 'prom-client';
import type { Logger } from './log.ts';
import type { ReadyCheck } from './ops-server.ts';
import { type FirstWord, parseFirstWord } from './worker-messages.ts';
import { createWorkerQuestions, toMetrics, toReadiness } from './worker-questions.ts';

export interface WorkersOptions {
  readonly count: number;
  /** Before a worker that ended is started again; doubled for each that ended within `steadyMs`, up to `maxPauseMs`. */
  readonly firstPauseMs: number;
  readonly maxPauseMs: number;
  readonly steadyMs: number;
  /** How long a worker may take to answer. */
  readonly answerMs: number;
  readonly log: Logger;
}

export interface Workers {
  /** What the first of them announced. */
  readonly facts: Readonly<Record<string, string | number>>;
  /** Of all workers that answer, as one (Prometheus text). A worker that was started again begins at nothing, as after any restart. */
  readonly registry: Pick<Registry, 'metrics' | 'contentType'>;
  /** Whether one of them can do its work. */
  readonly ready: ReadyCheck;
  /** Resolves when `ended` aborted and all of them are gone. */
  readonly closed: Promise<void>;
}

/**
 * Runs this very program in several processes that share their listening ports. This one, the primary, starts again what ends, and speaks for all.
 * Throws the AppError of a worker that does not come up at first.
 */
export async function startWorkers(options: WorkersOptions, ended: AbortSignal): Promise<Workers> {
  const { log } = options;
  const up = new Set<Worker>();
  const questions = createWorkerQuestions(up, options.answerMs);

  function stopAll(): void {
    for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill('SIGTERM');
  }

  /** Keeps one place filled: by this worker, and then by the next one. */
  async function keepFilled(first: Worker): Promise<void> {
    let worker = first;
    let pauseMs = options.firstPauseMs;
    for (;;) {
      const since = performance.now();
      const how = await gone(worker);
      up.delete(worker);
      if (ended.aborted) return;
      pauseMs = performance.now() - since >= options.steadyMs ? options.firstPauseMs : Math.min(options.maxPauseMs, pauseMs * 2);
      log.error({ pid: worker.process.pid, how, pauseMs }, 'a worker ended; another one is started');
      // Ended early, it has nothing to say.
      await pause(pauseMs, undefined, { signal: ended }).catch(() => undefined);
      if (ended.aborted) return;
      worker = cluster.fork();
      const word = await firstWord(worker);
      if (word?.kind === 'ready') up.add(worker);
    }
  }

  // Each accepts for itself. A connection that the primary has handed to a worker which dies just then would hang for as long as its client waits.
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  const first = Array.from({ length: options.count }, () => cluster.fork());
  ended.addEventListener('abort', stopAll, { once: true });
  const words = await Promise.all(first.map(firstWord));
  const failed = words.find((word) => word?.kind === 'failed');
  if (failed !== undefined || (words.includes(undefined) && !ended.aborted)) {
    stopAll();
    throw failureOf(failed);
  }
  for (const worker of first) up.add(worker);
  const [word] = words;
  return {
    facts: word?.kind === 'ready' ? word.facts : {},
    registry: {
      contentType: Registry.PROMETHEUS_CONTENT_TYPE,
      metrics: async () => AggregatorRegistry.aggregate((await questions.askAll('metrics')).map(toMetrics)).metrics(),
    },
    ready: async () => {
      const answers = (await questions.askAll('ready')).map(toReadiness);
      return answers.find(({ ready }) => ready) ?? answers[0] ?? { ready: false, why: 'no worker answers' };
    },
    closed: Promise.all(first.map(keepFilled)).then(questions.close),
  };
}

/** Undefined when it ended without one. */
function firstWord(worker: Worker): Promise<FirstWord | undefined> {
  return new Promise((resolve) => {
    const hear = (message: unknown): void => {
      const word = parseFirstWord(message);
      if (word === undefined) return;
      worker.off('message', hear);
      resolve(word);
    };
    worker.on('message', hear);
    // A question that could not be sent has no answer; that the worker is gone shows as its exit.
    worker.on('error', () => undefined);
    worker.once('exit', () => resolve(undefined));
  });
}

function gone(worker: Worker): Promise<string> {
  const { exitCode, signalCode } = worker.process;
  if (worker.isDead()) return Promise.resolve(signalCode ?? `exit code ${exitCode}`);
  return new Promise((resolve) => {
    worker.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
}

function failureOf(word: FirstWord | undefined): AppError {
  if (word?.kind === 'failed' && isErrorCode(word.code)) return new AppError(word.code, word.message);
  return new AppError('internal', 'A worker ended while it started. Its log says why.');
}
