import cluster, { type Worker } from 'node:cluster';
import { fieldsOf, parseWorkerAnswer, type WorkerQuestion } from './worker-messages.ts';

/** What a primary asks its workers. Questions under way are bounded by their time. */
export interface WorkerQuestions {
  /** The answers of those that answer in time. */
  askAll(question: WorkerQuestion): Promise<readonly unknown[]>;
  close(): void;
}

export function createWorkerQuestions(workers: ReadonlySet<Worker>, answerMs: number): WorkerQuestions {
  const waiting = new Map<number, (value: unknown) => void>();
  let lastId = 0;

  function hear(_: Worker, message: unknown): void {
    const answer = parseWorkerAnswer(message);
    if (answer !== undefined) waiting.get(answer.answerTo)?.(answer.value);
  }

  async function ask(worker: Worker, question: WorkerQuestion): Promise<unknown> {
    lastId += 1;
    const id = lastId;
    const { promise, resolve } = Promise.withResolvers<unknown>();
    const timer = setTimeout(resolve, answerMs);
    waiting.set(id, resolve);
    try {
      worker.send({ ask: question, id });
      return await promise;
    } finally {
      clearTimeout(timer);
      waiting.delete(id);
    }
  }

  cluster.on('message', hear);
  return {
    async askAll(question) {
      const connected = [...workers].filter((worker) => worker.isConnected());
      const answers = await Promise.all(connected.map((worker) => ask(worker, question)));
      return answers.filter((answer) => answer !== undefined);
    },
    close() {
      cluster.off('message', hear);
    },
  };
}

/** Metrics as `Registry.getMetricsAsJSON` gives them. */
export function toMetrics(answer: unknown): object {
  return Array.isArray(answer) ? answer : [];
}

export function toReadiness(answer: unknown): { readonly ready: boolean; readonly why?: string } {
  const { ready, why } = fieldsOf(answer);
  return ready === true ? { ready } : { ready: false, why: String(why ?? 'unknown') };
}
