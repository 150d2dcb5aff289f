import { createHash } from 'node:crypto';

/** What a vendor knows of its one customer. */
export interface Account {
  /** All of its hosts know the same. */
  readonly hosts: readonly string[];
  /** The credential. It must reach the vendor, and nobody else. */
  readonly value: string;
  /** The header that must carry it, in lower case, and the whole text that it must have. */
  readonly header: { readonly name: string; readonly text: string };
}

/** Said in every rightful answer: a client that shows it has read an answer which was given for the right credential. */
export function proofFor({ value }: Account): string {
  return `proof-${createHash('sha256').update(value).digest('hex').slice(0, 16)}`;
}
