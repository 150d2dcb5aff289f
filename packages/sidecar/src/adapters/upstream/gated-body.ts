import { PassThrough, pipeline, Readable } from 'node:stream';
import type { AppError } from '@leasehold/core';

/**
 * A request body that asks the last gate in the very tick of its first chunk: undici writes the head together with it, and a hostile agent can hold
 * that chunk back for as long as it likes (THREATS 22). An empty body asks at its end.
 */
class GatedBody extends PassThrough {
  readonly #refusal: () => AppError | undefined;
  readonly #left: () => void;
  #isOpen = false;

  constructor(refusal: () => AppError | undefined, left: () => void) {
    super();
    this.#refusal = refusal;
    this.#left = left;
  }

  override emit(event: string | symbol, ...args: unknown[]): boolean {
    if (!this.#isOpen && (event === 'data' || event === 'end')) {
      const why = this.#refusal();
      if (why !== undefined) {
        this.destroy(why);
        return false;
      }
      this.#isOpen = true;
      this.#left();
    }
    return super.emit(event, ...args);
  }
}

export function gateBody(body: AsyncIterable<Uint8Array>, refusal: () => AppError | undefined, left: () => void): Readable {
  const gated = new GatedBody(refusal, left);
  // An agent that goes away mid-body destroys the gated side too, and undici then drops the upstream connection.
  pipeline(body instanceof Readable ? body : Readable.from(body), gated, () => {});
  return gated;
}
