const shown = '[secret]';

/**
 * Bytes that must not be shown. Prints `[secret]` wherever text is made of it; `reveal()` is allowed only in the files that lint lists.
 * Wiping is best effort: it clears these bytes, not copies that a string or the kernel made.
 */
export class Secret {
  #bytes: Uint8Array;
  #wiped = false;

  /** Takes the bytes over: the caller must not keep them. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isWiped(): boolean {
    return this.#wiped;
  }

  get byteLength(): number {
    return this.#bytes.byteLength;
  }

  /** The bytes themselves, not a copy. Throws once wiped. */
  reveal(): Uint8Array {
    if (this.#wiped) throw new Error('secret was wiped');
    return this.#bytes;
  }

  wipe(): void {
    this.#bytes.fill(0);
    this.#bytes = new Uint8Array(0);
    this.#wiped = true;
  }

  toString(): string {
    return shown;
  }

  toJSON(): string {
    return shown;
  }

  [Symbol.toPrimitive](): string {
    return shown;
  }

  static {
    // What node:util's inspect looks for; by registered symbol, so that core needs no node: import.
    Object.defineProperty(Secret.prototype, Symbol.for('nodejs.util.inspect.custom'), { value: () => shown });
  }
}
