import { Readable } from 'node:stream';
import { AppError } from '@leasehold/core';

/** What bodies that are kept whole may take up together, for all exchanges of an agent. */
export interface BodyRoom {
  take(bytes: number): boolean;
  give(bytes: number): void;
}

export function createBodyRoom(maxBytes: number): BodyRoom {
  let left = maxBytes;
  return {
    take(bytes) {
      if (bytes > left) return false;
      left -= bytes;
      return true;
    },
    give(bytes) {
      left += bytes;
    },
  };
}

/** A body is kept whole only where a placeholder in it has to be replaced: 1 MiB at most. */
export const maxWholeBytes = 1_048_576;
/** Doubled as often as it has to be, and so a fraction of the above. */
const leastBytes = 4_096;
const noBytes = Buffer.alloc(0);

/** Reads a body to its end, unless it is too large, there is no room, or it breaks off: then `done` is told why. It is told once, or never after `drop`. */
export class WholeBody {
  readonly #source: Readable;
  readonly #room: BodyRoom;
  readonly #done: (outcome: Buffer | AppError) => void;
  #kept = noBytes;
  /** Of what is kept; the rest of it is still free. */
  #bytes = 0;
  #isOver = false;

  constructor(body: AsyncIterable<Uint8Array>, room: BodyRoom, done: (outcome: Buffer | AppError) => void) {
    this.#source = body instanceof Readable ? body : Readable.from(body);
    this.#room = room;
    this.#done = done;
    this.#source.on('data', this.#onData).on('end', this.#onEnd).on('error', this.#onBroken).on('close', this.#onBroken);
  }

  /** Reads no further, and gives back the room: once the exchange is over. */
  drop(): void {
    this.#stop();
    this.#room.give(this.#kept.length);
    this.#kept = noBytes;
  }

  #stop(): void {
    this.#isOver = true;
    this.#source.off('data', this.#onData).off('end', this.#onEnd).off('close', this.#onBroken);
  }

  #finish(outcome: Buffer | AppError): void {
    if (this.#isOver) return;
    this.#stop();
    this.#done(outcome);
  }

  readonly #onData = (chunk: Buffer): void => {
    const bytes = this.#bytes + chunk.length;
    if (bytes > maxWholeBytes) this.#finish(tooLarge());
    else if (!this.#hasRoom(bytes)) this.#finish(noRoom());
    else {
      chunk.copy(this.#kept, this.#bytes);
      this.#bytes = bytes;
    }
  };

  /** One growing piece, and what is taken up is what is counted: kept as they came, chunks of one byte would cost hundreds each. */
  #hasRoom(bytes: number): boolean {
    const known = this.#kept.length;
    if (bytes <= known) return true;
    let length = Math.max(known, leastBytes);
    while (length < bytes) length *= 2;
    if (!this.#room.take(length - known)) return false;
    const larger = Buffer.allocUnsafeSlow(length);
    this.#kept.copy(larger);
    this.#kept = larger;
    return true;
  }

  readonly #onEnd = (): void => {
    this.#finish(this.#kept.subarray(0, this.#bytes));
  };

  readonly #onBroken = (): void => {
    this.#finish(new AppError('bad_request', 'The body broke off. Send the request again.'));
  };
}

function tooLarge(): AppError {
  return new AppError(
    'body_too_large',
    `A placeholder is replaced in bodies of at most ${maxWholeBytes} bytes. Send less, or send this body with another content type.`,
  );
}

function noRoom(): AppError {
  return new AppError('overloaded', 'Too many bodies wait for their placeholder to be replaced. Try again in a moment.', {
    retryAfterS: 1,
  });
}
