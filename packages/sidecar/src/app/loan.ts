import { type How, type PreparedInjection, prepareInjection } from '../domain/inject.ts';
import type { LeaseEntry } from '../domain/lease-entry.ts';
import { ownBytes } from '../domain/own-bytes.ts';
import { type ScrubForms, scrubForms } from '../domain/scrub.ts';

/** What is made of a value once for a lease: how it goes out, and what must not come back. */
export interface Loan {
  readonly prepared: PreparedInjection;
  readonly forms: ScrubForms;
}

/**
 * The value becomes a string here and nowhere else (DESIGN 9): once for a lease, not once a request, so that there are few strings that can't be
 * wiped. They live as long as the entry does, and what still streams under it.
 */
export function createLoans(): (entry: LeaseEntry, how: How) => Loan {
  const loans = new WeakMap<LeaseEntry, Loan>();
  return (entry, how) => {
    const known = loans.get(entry);
    if (known !== undefined) return known;
    // A view: a copy would have to be wiped, too.
    const { buffer, byteOffset, byteLength } = entry.secret.reveal();
    const value = Buffer.from(buffer, byteOffset, byteLength).toString('latin1');
    const loan = {
      prepared: prepareInjection(how, value, (text) => ownBytes(text).toString('base64')),
      forms: scrubForms(value, how.injection),
    };
    loans.set(entry, loan);
    return loan;
  };
}
