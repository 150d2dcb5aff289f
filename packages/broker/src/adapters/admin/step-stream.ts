export interface StepStreamOptions<T> {
  readonly steps: AsyncIterable<T>;
  readonly toResource: (step: T) => object;
  readonly onFailure: (thrown: unknown) => void;
}

/**
 * One JSON object a line. Resolves with the first step at hand, so that what is refused gets a status of its own; throws what the first
 * step throws. A failure later on ends the stream without a step that is `done`, and shows nothing of itself. Who leaves ends the work.
 */
export async function stepStream<T>({ steps, toResource, onFailure }: StepStreamOptions<T>): Promise<ReadableStream<Uint8Array>> {
  const iterator = steps[Symbol.asyncIterator]();
  const encoder = new TextEncoder();
  let next = await iterator.next();
  return new ReadableStream({
    pull: async (controller) => {
      if (next.done === true) return controller.close();
      controller.enqueue(encoder.encode(`${JSON.stringify(toResource(next.value))}\n`));
      try {
        next = await iterator.next();
      } catch (thrown) {
        onFailure(thrown);
        controller.close();
      }
    },
    cancel: async () => void (await iterator.return?.()),
  });
}
