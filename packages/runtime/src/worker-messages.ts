/** What goes between a primary and its workers over IPC. Facts and metrics alone: a primary holds no secret. */

export type WorkerQuestion = 'metrics' | 'ready';

export interface WorkerAsk {
  readonly ask: WorkerQuestion;
  readonly id: number;
}

export interface WorkerAnswer {
  readonly answerTo: number;
  readonly value: unknown;
}

export function parseWorkerAsk(message: unknown): WorkerAsk | undefined {
  const { ask, id } = fieldsOf(message);
  return (ask === 'metrics' || ask === 'ready') && typeof id === 'number' ? { ask, id } : undefined;
}

export function parseWorkerAnswer(message: unknown): WorkerAnswer | undefined {
  const { answerTo, value } = fieldsOf(message);
  return typeof answerTo === 'number' ? { answerTo, value } : undefined;
}

/** What a program says of its start (`program.ts`). */
export type FirstWord =
  | { readonly kind: 'ready'; readonly facts: Readonly<Record<string, string | number>> }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string };

export function parseFirstWord(message: unknown): FirstWord | undefined {
  const { ready, failed } = fieldsOf(message);
  if (ready !== undefined) {
    const facts = Object.entries(fieldsOf(ready)).map(
      ([name, value]) => [name, typeof value === 'number' ? value : String(value)] as const,
    );
    return { kind: 'ready', facts: Object.fromEntries(facts) };
  }
  if (failed === undefined) return undefined;
  const { code, message: why } = fieldsOf(failed);
  return { kind: 'failed', code: String(code), message: String(why) };
}

export function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
