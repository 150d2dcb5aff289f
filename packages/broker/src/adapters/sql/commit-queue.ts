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

interface Line<Job> {
  readonly waiting: { readonly job: Job; readonly weight: number }[];
  /** Of all that waits here. */
  weight: number;
}

interface Tenant<Job> {
  /** By caller, the one whose turn it is at the front. */
  readonly lines: Map<string, Line<Job>>;
  /** Of all that waits here. */
  weight: number;
  /** What it may ask the database to write now. */
  credit: number;
}

/** How many lines it takes to fill what there is: four agents'. */
const shares = 8;
/** What a tenant gets each turn. For a heavy job it has to save up, and everybody's leases are served meanwhile. */
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
      const tenant = tenants.get(name) ?? { weight: 0, credit: 0, lines: new Map() };
      const line = tenant.lines.get(caller) ?? { weight: 0, waiting: [] };
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
      for (const [name, tenant] of tenants) {
        toTheEnd(tenants, name, tenant);
        const [caller, line] = payableIn(tenant) ?? [];
        const taken = line?.waiting.shift();
        if (caller === undefined || line === undefined || taken === undefined) continue;
        tenant.credit -= taken.weight;
        for (const each of [tenant, line]) each.weight -= taken.weight;
        weight -= taken.weight;
        toTheEnd(tenant.lines, caller, line);
        if (line.waiting.length === 0) tenant.lines.delete(caller);
        if (tenant.lines.size === 0) tenants.delete(name);
        return taken.job;
      }
      return undefined;
    },
  };
}

/** The turn of a tenant: its first line whose next job it can pay for. One that it passed over stays at the front, and is saved for. */
function payableIn<Job>(tenant: Tenant<Job>): readonly [string, Line<Job>] | undefined {
  tenant.credit += creditOfTurn;
  let dearest = creditOfTurn;
  for (const entry of tenant.lines) {
    const price = entry[1].waiting[0]?.weight ?? 0;
    dearest = Math.max(dearest, price);
    if (price > tenant.credit) continue;
    // Nothing is saved for nothing.
    tenant.credit = Math.min(tenant.credit, dearest);
    return entry;
  }
  return undefined;
}

function toTheEnd<T>(row: Map<string, T>, name: string, value: T): void {
  row.delete(name);
  row.set(name, value);
}
