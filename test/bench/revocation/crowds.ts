import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { CrowdAnswer, CrowdAsk, CrowdOrder } from './crowd.ts';

/** A number of sidecars, spread over a few processes. */
export interface Crowds {
  join(order: Omit<CrowdOrder, 'count' | 'joinPerS'>): Promise<void>;
  borrow(overMs: number): Promise<void>;
  /** Wall-clock times (ms), one for each sidecar. */
  purged(seq: number): Promise<readonly number[]>;
  /** The question must be put before the broker goes. */
  back(): Promise<{ readonly at: readonly number[]; readonly refusedMs: readonly number[]; readonly attempts: number }>;
  end(): Promise<void>;
}

/** Slow enough for a broker that shares two cores with all of them: with 10,000, those inside have to be served while the last ones come. */
const joinPerS = 125;

/** Hundreds of sidecars in one process: what their garbage, and the stacks of errors that nobody reads, cost there would come out of the broker's cores. */
const nodeFlags = ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=64', '--stack-trace-limit=0'];

export function startCrowds(sidecars: number, processes: number): Crowds {
  const shares = Array.from({ length: Math.min(processes, sidecars) }, (_, n, all = Math.min(processes, sidecars)) =>
    Math.floor((sidecars + n) / all),
  );
  const children = shares.map(() => fork(join(import.meta.dirname, 'crowd.ts'), [], { execArgv: nodeFlags }));
  const askAll = (ask: CrowdAsk) =>
    Promise.all(
      children.map((child) => {
        child.send(ask);
        return answer(child);
      }),
    );
  return {
    async join(order) {
      await Promise.all(
        children.map((child, n) => {
          child.send({ kind: 'join', order: { ...order, count: shares[n] ?? 0, joinPerS: joinPerS / children.length } } satisfies CrowdAsk);
          return answer(child);
        }),
      );
    },
    async borrow(overMs) {
      await askAll({ kind: 'borrow', overMs });
    },
    async purged(seq) {
      const answers = await askAll({ kind: 'purged', seq });
      return answers.flatMap((said) => (said.kind === 'purged' ? said.at : []));
    },
    async back() {
      const answers = await askAll({ kind: 'back' });
      const backs = answers.flatMap((said) => (said.kind === 'back' ? [said] : []));
      return {
        at: backs.flatMap(({ at }) => at),
        refusedMs: backs.flatMap(({ refusedMs }) => refusedMs),
        attempts: backs.reduce((sum, { attempts }) => sum + attempts, 0),
      };
    },
    async end() {
      await Promise.all(
        children.map(async (child) => {
          if (child.exitCode !== null || child.signalCode !== null) return;
          child.send({ kind: 'end' } satisfies CrowdAsk);
          await once(child, 'exit');
        }),
      );
    },
  };
}

/** A child that dies instead is an error. */
async function answer(child: ChildProcess): Promise<CrowdAnswer> {
  const { promise: dead, reject } = Promise.withResolvers<never>();
  const onExit = (code: number | null) => reject(new Error(`a process of the bench ended with ${code}`));
  child.once('exit', onExit);
  try {
    const [said] = await Promise.race([once(child, 'message'), dead]);
    return said;
  } finally {
    child.off('exit', onExit);
  }
}
