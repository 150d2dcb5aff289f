import { Duplex, Readable } from 'node:stream';

export interface AgentSideEvents {
  /** Frames of the vendor's, in order. */
  frames(chunk: Buffer): void;
  /** The vendor sends no more. */
  ended(): void;
}

/** What `http-proxy` takes for the agent's socket: it reads what the agent sends, and writes the handshake's answer and the vendor's frames. */
export class AgentSide extends Duplex {
  readonly #sent: Readable;
  readonly #on: AgentSideEvents;
  #isAnswered = false;
  #isReading = false;
  #isStopped = false;
  #goOn: (() => void) | undefined;

  constructor(sent: AsyncIterable<Uint8Array>, on: AgentSideEvents) {
    super({ allowHalfOpen: true });
    this.#sent = sent instanceof Readable ? sent : Readable.from(sent);
    this.#on = on;
  }

  /** Takes no more frames until `goOn`. */
  stop(): void {
    this.#isStopped = true;
  }

  goOn(): void {
    this.#isStopped = false;
    const goOn = this.#goOn;
    this.#goOn = undefined;
    goOn?.();
  }

  // The agent's connection belongs to the proxy adapter.
  setTimeout(): this {
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: () => void): void {
    // The first write is the head of the answer, in one piece. The agent gets it from us, scrubbed and checked.
    if (this.#isAnswered) this.#on.frames(chunk);
    this.#isAnswered = true;
    if (this.#isStopped) this.#goOn = done;
    else done();
  }

  override _final(done: () => void): void {
    this.#on.ended();
    done();
  }

  /** First called when `http-proxy` joins the two sides, after the vendor has agreed. */
  override _read(): void {
    if (this.#isReading) {
      this.#sent.resume();
      return;
    }
    this.#isReading = true;
    this.#sent.on('data', this.#onData).on('end', this.#onEnd).on('close', this.#onClosed);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#sent.off('data', this.#onData).off('end', this.#onEnd).off('close', this.#onClosed);
    this.#goOn = undefined;
    done(error);
  }

  readonly #onData = (chunk: Buffer): void => {
    if (!this.push(chunk)) this.#sent.pause();
  };

  readonly #onEnd = (): void => {
    this.push(null);
  };

  readonly #onClosed = (): void => {
    if (!this.#sent.readableEnded) this.destroy();
  };
}
