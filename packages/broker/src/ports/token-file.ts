/** A secret that the broker itself hands to its operator, in a file that only its owner may read. */
export interface TokenFile {
  readonly path: string;
  /** Undefined when there is none yet. Throws AppError `invalid_argument` when it is there and can't be trusted. */
  read(): Promise<string | undefined>;
  /** Never over an existing file. */
  create(token: string): Promise<void>;
}
