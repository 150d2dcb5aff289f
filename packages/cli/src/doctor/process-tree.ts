import { readdirSync, readFileSync } from 'node:fs';

export interface ProcessTree {
  /** The processes that come from the first one and are there now, with their names. */
  look(): ReadonlyMap<number, string>;
}

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly name: string;
  /** Clock ticks since boot: a number that is used again is another process. */
  readonly startedAt: string;
}

/**
 * A process and all that come from it, by `/proc`. Read at once and not one by one over several turns: processes come and go. Whoever has been
 * seen in it stays in it, since a child whose parent is gone is handed to another.
 */
export function createProcessTree(rootPid: number): ProcessTree {
  const members = new Map<number, string>();
  return {
    look: () => {
      const all = new Map(readdirSync('/proc').flatMap((entry) => (/^\d+$/.test(entry) ? readProcess(Number(entry)) : [])));
      for (const [pid, startedAt] of members) if (all.get(pid)?.startedAt !== startedAt) members.delete(pid);
      for (const each of all.values()) if (comesFrom(each, all)) members.set(each.pid, each.startedAt);
      return new Map([...members.keys()].map((pid) => [pid, all.get(pid)?.name ?? '']));
    },
  };

  function comesFrom(process: Process, all: ReadonlyMap<number, Process>): boolean {
    let current: Process | undefined = process;
    for (let depth = 0; current !== undefined && depth < 64; depth += 1) {
      if (current.pid === rootPid || members.get(current.pid) === current.startedAt) return true;
      current = all.get(current.parent);
    }
    return false;
  }
}

/** `pid (name) state ppid …`, where the name may hold anything: proc_pid_stat(5). */
function readProcess(pid: number): [number, Process][] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const name = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'));
    const [, parent = '0', ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return [[pid, { pid, parent: Number(parent), name, startedAt: rest[17] ?? '' }]];
  } catch {
    return []; // Gone.
  }
}
