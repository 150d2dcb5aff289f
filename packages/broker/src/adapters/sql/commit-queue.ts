import { AppError } from '@leasehold/core';

/**
 * What waits for the database. What no agent asks for (operators, the mark on expired leases, the look at the store) goes before everything else and is
 * always taken: who floods the queue must not be able to keep himself from being cut off. All others take turns, tenants first, and within a tenant its
 * agents, each with its leases and with its use reports (THREATS 34).
 */
export interface CommitQueue<Job> {
  readonly isEmpty: boolean;
  /** Throws AppError `overloaded` when this caller has too much waiting here already, or its tenant has and there is no room. */
  add(job: Job, place: CommitPlace): void;
  /** Undefined when nothing waits. */
  next(): Job | undefined;
}

export type CommitPlace = 'first' | { readonly tenant: string; readonly caller: string; readonly weight: number };

/** Has turns: pays for what it takes, by weight. */
interface Purse {
  /** Of all that waits here. */
  weight: number;
  credit: number;
}

interface Line<Job> extends Purse {
  readonly waiting: { readonly job: Job; readonly weight: number }[];
}

interface Tenant<Job> extends Purse {
  /** By caller, the one whose turn it is at the front. */
  readonly lines: Map<string, Line<Job>>;
}

/** How many lines it takes to fill what there is: four agents'. */
const shares = 8;
/** What a turn pays for: whoever asks for more at once saves up, and the others have their leases meanwhile. */
const creditOfTurn = 16;

export function createCommitQueue<Job>({ maxWeight }: { readonly maxWeight: number }): CommitQueue<Job> {
  const first: Job[] = [];
  const tenants = new Map<string, Tenant<Job>>();
  let weight = 0;

  const mustFit = (tenant: Tenant<Job>, line: Line<Job>, more: number) => {
    // However heavy it is: one that has nothing waiting is taken as long as there is room.
    const isLineFull = line.weight > 0 && line.weight + more > maxWeight / shares;
    // And there always is for a tenant that has less than its part, so that no other can take all of it.
    const parts = tenants.size + (tenant.weight === 0 ? 1 : 0);
    const isFull = weight >= maxWeight && tenant.weight + more > maxWeight / parts;
    if (isLineFull || isFull)
      throw new AppError('overloaded', 'Too many changes wait for the database. Try again shortly.', { retryAfterS: 1 });
  };

  return {
    get isEmpty() {
      return first.length === 0 && tenants.size === 0;
    },
    add(job, place) {
      if (place === 'first') {
        first.push(job);
        return;
      }
      const { tenant: name, caller, weight: more } = place;
      const tenant = tenants.get(name) ?? { weight: 0, credit: creditOfTurn, lines: new Map() };
      const line = tenant.lines.get(caller) ?? { weight: 0, credit: creditOfTurn, waiting: [] };
      mustFit(tenant, line, more);
      line.waiting.push({ job, weight: more });
      for (const each of [tenant, line]) each.weight += more;
      weight += more;
      tenant.lines.set(caller, line);
      tenants.set(name, tenant);
    },
    next() {
      const urgent = first.shift();
      if (urgent !== undefined) return urgent;
      const [name, tenant] = whoseTurn(tenants, ({ lines }) => nextWeight(whoseTurn(lines, nextWeight)?.[1])) ?? [];
      const [caller, line] = whoseTurn(tenant?.lines ?? new Map<string, Line<Job>>(), nextWeight) ?? [];
      const taken = line?.waiting.shift();
      if (name === undefined || tenant === undefined || caller === undefined || line === undefined || taken === undefined) return undefined;
      pay(tenants, name, tenant, taken.weight);
      pay(tenant.lines, caller, line, taken.weight);
      weight -= taken.weight;
      return taken.job;
    },
  };
}

function nextWeight<Job>(line: Line<Job> | undefined): number {
  return line?.waiting[0]?.weight ?? 0;
}

/** The first that can pay for what it wants next. Whoever is passed over saves up for it. */
function whoseTurn<P extends Purse>(row: Map<string, P>, priceOf: (purse: P) => number): readonly [string, P] | undefined {
  for (;;) {
    const [front] = row;
    if (front === undefined) return undefined;
    const [name, purse] = front;
    if (priceOf(purse) <= purse.credit) return front;
    purse.credit += creditOfTurn;
    toTheEnd(row, name, purse);
  }
}

/** To the end of the row, or out of it. */
function pay<P extends Purse>(row: Map<string, P>, name: string, purse: P, price: number): void {
  purse.weight -= price;
  purse.credit -= price;
  if (purse.weight > 0) toTheEnd(row, name, purse);
  else row.delete(name);
}

function toTheEnd<P extends Purse>(row: Map<string, P>, name: string, purse: P): void {
  row.delete(name);
  row.set(name, purse);
}
