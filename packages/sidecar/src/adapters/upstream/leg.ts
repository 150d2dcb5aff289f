import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

/** Sees bytes in the very tick in which they go to the connection. Throws to stop them: then nothing of them leaves, and the connection ends. */
export type Pass = (chunk: Buffer) => void;

export interface LegOptions {
  /** Told of what comes. */
  readonly seen?: (chunk: Buffer) => void;
  /** Told that the vendor sends no more, in place of an end of this stream. What is written from here on goes nowhere: nobody would read it. */
  readonly ended?: () => void;
  /** What is written first holds a value, and its bytes must not outlive the writing (INV-15). */
  readonly isFirstCleared?: boolean;
}

/**
 * A dialled connection in the hands of a client that has queues of its own: whatever it holds back, `pass` is asked where the bytes really leave.
 * Writable calls `_write` only once the connection has taken what came before, so there is nothing behind it (INV-2, INV-3, INV-5, INV-7).
 */
export class Leg extends Duplex {
  readonly #socket: Socket;
  readonly #pass: Pass;

  #isFirstCleared: boolean;
  /** The vendor is gone in good order, and whoever reads here may go on with what came before. */
  #isDeaf = false;

  constructor(socket: Socket, pass: Pass, { seen, ended, isFirstCleared = false }: LegOptions = {}) {
    super({ allowHalfOpen: true });
    this.#isFirstCleared = isFirstCleared;
    this.#socket = socket;
    this.#pass = pass;
    socket.on('data', (chunk: Buffer) => {
      seen?.(chunk);
      if (!this.push(chunk)) socket.pause();
    });
    socket.on('end', () => {
      this.#isDeaf = ended !== undefined;
      if (ended === undefined) this.push(null);
      else ended();
    });
    socket.on('error', (error) => this.#lose(error));
    socket.on('close', () => this.#lose());
  }

  // What clients set on their sockets is the dialler's to decide.
  setTimeout(): this {
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  ref(): this {
    this.#socket.ref();
    return this;
  }

  unref(): this {
    this.#socket.unref();
    return this;
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.#isDeaf) done();
    else if (this.#mayLeave([chunk], done)) this.#leave(chunk, [chunk], done);
  }

  override _writev(parts: { readonly chunk: Buffer }[], done: (error?: Error | null) => void): void {
    const chunks = parts.map(({ chunk }) => chunk);
    if (this.#isDeaf) done();
    else if (this.#mayLeave(chunks, done)) this.#leave(Buffer.concat(chunks), chunks, done);
  }

  override _final(done: () => void): void {
    this.#socket.end(() => done());
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }

  #lose(error?: Error): void {
    if (!this.#isDeaf) this.destroy(error);
  }

  /** Copies that streams make of strings lie in slabs of Node's pool, which live on. */
  #leave(bytes: Buffer, chunks: readonly Buffer[], done: (error?: Error | null) => void): void {
    if (!this.#isFirstCleared) {
      this.#socket.write(bytes, done);
      return;
    }
    this.#isFirstCleared = false;
    this.#socket.write(bytes, (error) => {
      for (const each of [bytes, ...chunks]) each.fill(0);
      done(error);
    });
  }

  #mayLeave(chunks: readonly Buffer[], done: (error: Error) => void): boolean {
    try {
      for (const chunk of chunks) this.#pass(chunk);
      return true;
    } catch (why) {
      done(why instanceof Error ? why : new Error('stopped', { cause: why }));
      return false;
    }
  }
}
