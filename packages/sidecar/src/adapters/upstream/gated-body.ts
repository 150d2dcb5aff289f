import { Readable } from 'node:stream';
import type { AppError } from '@leasehold/core';

export interface Gate {
  refusal(): AppError | undefined;
  left(): void;
}

/**
 * A request body that asks the last gate in the very tick of its first chunk: undici writes the head together with it, and a hostile agent can hold
 * that chunk back for as long as it likes (THREATS 22). An empty body asks at its end.
 */
export function gateBody(body: AsyncIterable<Uint8Array>, gate: Gate): Readable {
  return new GatedBody(body instanceof Readable ? body : Readable.from(body), gate);
}

class GatedBody extends Readable {
  readonly #source: Readable;
  readonly #gate: Gate;
  #isOpen = false;
  #isReading = false;

  constructor(source: Readable, gate: Gate) {
    super();
    this.#source = source;
    this.#gate = gate;
  }

  /** Where a Readable hands a chunk to its listener there is nothing between: what is asked here holds for what undici writes. */
  override emit(event: string | symbol, ...args: unknown[]): boolean {
    if (!this.#isOpen && (event === 'data' || event === 'end')) {
      const why = this.#gate.refusal();
      if (why !== undefined) {
        this.destroy(why);
        return false;
      }
      this.#isOpen = true;
      this.#gate.left();
    }
    return super.emit(event, ...args);
  }

  override _read(): void {
    if (this.#isReading) {
      this.#source.resume();
      return;
    }
    this.#isReading = true;
    this.#source.on('data', this.#onData).on('end', this.#onEnd).on('error', this.#onBroken).on('close', this.#onBroken);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#source.off('data', this.#onData).off('end', this.#onEnd).off('close', this.#onBroken);
    callback(error);
  }

  readonly #onData = (chunk: Buffer): void => {
    if (!this.push(chunk)) this.#source.pause();
  };

  readonly #onEnd = (): void => {
    this.push(null);
  };

  /** The agent went away in the middle: the upstream must not take what came for the whole. */
  readonly #onBroken = (): void => {
    if (!this.#source.readableEnded) this.destroy(new Error('the body broke off'));
  };
}
