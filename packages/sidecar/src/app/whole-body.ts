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

/** Reads a body to its end, unless it is too large, there is no room, or it breaks off: then `done` is told why. It is told once, or never after `drop`. */
export class WholeBody {
  readonly #source: Readable;
  readonly #room: BodyRoom;
  readonly #done: (outcome: Buffer | AppError) => void;
  #chunks: Buffer[] = [];
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
    this.#chunks = [];
    this.#room.give(this.#bytes);
    this.#bytes = 0;
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
    if (this.#bytes + chunk.length > maxWholeBytes) this.#finish(tooLarge());
    else if (!this.#room.take(chunk.length)) this.#finish(noRoom());
    else {
      this.#bytes += chunk.length;
      this.#chunks.push(chunk);
    }
  };

  readonly #onEnd = (): void => {
    this.#finish(Buffer.concat(this.#chunks));
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
