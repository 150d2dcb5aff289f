import type { ConfirmationProgress } from '../../ports/use-cases.ts';
import { toConfirmationResource } from './resources.ts';

export interface ConfirmationStreamOptions {
  readonly steps: AsyncIterable<ConfirmationProgress>;
  readonly committedAt: number;
  readonly onFailure: (thrown: unknown) => void;
}

/**
 * One JSON object a line. Resolves with the first step at hand, so that what is refused gets a status of its own; throws what the first
 * step throws. A failure later on ends the stream without a step that is `done`, and shows nothing of itself.
 */
export async function confirmationStream({
  steps,
  committedAt,
  onFailure,
}: ConfirmationStreamOptions): Promise<ReadableStream<Uint8Array>> {
  const iterator = steps[Symbol.asyncIterator]();
  const encoder = new TextEncoder();
  let next = await iterator.next();
  return new ReadableStream({
    pull: async (controller) => {
      if (next.done === true) return controller.close();
      controller.enqueue(encoder.encode(`${JSON.stringify(toConfirmationResource(next.value, committedAt))}\n`));
      try {
        next = await iterator.next();
      } catch (thrown) {
        onFailure(thrown);
        controller.close();
      }
    },
  });
}
