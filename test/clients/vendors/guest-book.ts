import type { Account } from './account.ts';

export interface Visit {
  readonly path: string;
  /** The right credential came along, and once. */
  readonly isRightful: boolean;
}

/** What one host saw. */
export interface GuestBook {
  readonly account: Account;
  readonly visits: Visit[];
  /** The first piece of an answer without end has been written. */
  readonly begun: Promise<void>;
  /** The other side has closed it. */
  isClosed(): boolean;
  noteBegun(): void;
  noteClosed(): void;
}

export function openGuestBook(account: Account): GuestBook {
  const begun = Promise.withResolvers<void>();
  let isClosed = false;
  return {
    account,
    visits: [],
    begun: begun.promise,
    isClosed: () => isClosed,
    noteBegun: begun.resolve,
    noteClosed: () => {
      isClosed = true;
    },
  };
}
