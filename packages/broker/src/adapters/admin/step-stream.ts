export interface StepStreamOptions<T> {
  readonly steps: AsyncIterable<T>;
  readonly toResource: (step: T) => object;
  readonly onFailure: (thrown: unknown) => void;
  /** How long a reader may leave what was sent unread before it counts as gone, ms. */
  readonly patienceMs?: number;
}

/**
 * One JSON object a line. Resolves with the first step at hand, so that what is refused gets a status of its own; throws what the first
 * step throws. A failure later on ends the stream without a step that is `done`, and shows nothing of itself. Who leaves, or reads no more, ends
 * the work.
 */
export async function stepStream<T>({
  steps,
  toResource,
  onFailure,
  patienceMs = 30_000,
}: StepStreamOptions<T>): Promise<ReadableStream<Uint8Array>> {
  const iterator = steps[Symbol.asyncIterator]();
  const encoder = new TextEncoder();
  let next = await iterator.next();
  let patience: ReturnType<typeof setTimeout> | undefined;
  let isLeft = false;
  const leave = async () => {
    isLeft = true;
    clearTimeout(patience);
    await iterator.return?.();
  };
  return new ReadableStream({
    pull: async (controller) => {
      clearTimeout(patience);
      if (next.done === true) return controller.close();
      controller.enqueue(encoder.encode(`${JSON.stringify(toResource(next.value))}\n`));
      try {
        next = await iterator.next();
      } catch (thrown) {
        onFailure(thrown);
        return controller.close();
      }
      if (isLeft) return;
      patience = setTimeout(() => {
        controller.close();
        leave().catch(onFailure);
      }, patienceMs).unref();
    },
    cancel: leave,
  });
}
