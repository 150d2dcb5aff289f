import type { Clock } from '@leasehold/core';

/** Real time, as nobody in the model can read it, and what happens in it. */
export interface VirtualTime {
  readonly now: number;
  /** A computer or process with clocks and timers of its own. */
  machine(name: string): Machine;
  /** Lets `ms` pass: everything that falls due happens, each thing to its end before the next. */
  pass(ms: number): Promise<void>;
  /** Gives the global timers back. */
  end(): void;
}

export interface Machine {
  readonly name: string;
  readonly clock: Clock;
  /** Going on in this very moment, after it was stopped: what came in meanwhile and what fell due meanwhile are done in one turn. */
  readonly isWaking: boolean;
  readonly isStopped: boolean;
  /** When it last woke up from a sleep of its monotonic clock; before all time, if it never slept. */
  readonly sleptUntil: number;
  /** Does `work` here, `inMs` from now; later, if the machine is stopped then. */
  after(inMs: number, work: () => void): void;
  /** Work that is done here now, and what follows from it at once; later, if the machine is stopped. */
  run(work: () => void): Promise<void>;
  /** Suspended, with its monotonic clock, or (SIGSTOP, a stalled event loop) with clocks that go on. `isLateFirst`: timers that fell due go before what came in. */
  stop(how: { readonly ms: number; readonly isAsleep: boolean; readonly isLateFirst: boolean }): void;
  stepWall(ms: number): void;
  /** Nothing that it had before it happens any more. */
  kill(): void;
}

interface Happening {
  at: number;
  rank: number;
  readonly order: number;
  readonly machine: MachineState;
  readonly isTimer: boolean;
  work: (() => void) | undefined;
}

interface MachineState extends Machine {
  sleptUntil: number;
  frozenUntil: number;
  isLateFirst: boolean;
  isDead: boolean;
}

/** So that wall clocks never come near zero. */
const wallBegin = 1_000_000_000;

const real = {
  setTimeout: globalThis.setTimeout,
  clearTimeout: globalThis.clearTimeout,
  setInterval: globalThis.setInterval,
  clearInterval: globalThis.clearInterval,
  setImmediate: globalThis.setImmediate,
};

/** Takes the global timers over: whoever sets one does so as the machine whose work is being done. */
export function createVirtualTime(): VirtualTime {
  const queue: Happening[] = [];
  const timers = new WeakMap<object, Happening>();
  let now = 0;
  let orders = 0;
  let current: MachineState | undefined;

  function add(machine: MachineState, at: number, isTimer: boolean, work: () => void): Happening {
    orders += 1;
    const happening = { at, rank: 1, order: orders, machine, isTimer, work };
    insert(happening);
    return happening;
  }

  function insert(happening: Happening): void {
    let place = queue.length;
    while (place > 0 && isBefore(happening, queue[place - 1])) place -= 1;
    queue.splice(place, 0, happening);
  }

  async function perform(machine: MachineState, work: () => void): Promise<void> {
    current = machine;
    work();
    // Everything that follows without waiting for anything belongs to the same moment of the same machine.
    await new Promise<void>((resolve) => real.setImmediate(resolve));
    current = undefined;
  }

  function setTimer(work: (...args: unknown[]) => void, ms: number, args: unknown[], everyMs: number | undefined): unknown {
    if (current === undefined) throw new Error('a timer was set by nobody');
    const machine = current;
    const timer = { unref: () => timer, ref: () => timer };
    const arm = (inMs: number): void => {
      const ring = (): void => {
        if (everyMs !== undefined) arm(everyMs);
        work(...args);
      };
      timers.set(timer, add(machine, now + Math.max(1, inMs), true, ring));
    };
    arm(ms);
    return timer;
  }

  function clearTimer(timer: object | undefined): void {
    const happening = timer === undefined ? undefined : timers.get(timer);
    if (happening !== undefined) happening.work = undefined;
  }

  function machine(name: string): MachineState {
    let asleepMs = 0;
    let wallMs = 0;
    const state: MachineState = {
      name,
      clock: { now: () => ({ monoMs: now - asleepMs, wallMs: wallBegin + now + wallMs }) },
      get isWaking() {
        return state.frozenUntil > 0 && state.frozenUntil === now;
      },
      sleptUntil: Number.NEGATIVE_INFINITY,
      get isStopped() {
        return state.frozenUntil > now;
      },
      frozenUntil: 0,
      isLateFirst: true,
      isDead: false,
      after: (inMs, work) => void add(state, now + inMs, false, work),
      run: async (work) => {
        if (state.isStopped) add(state, now, false, work);
        else if (!state.isDead) await perform(state, work);
      },
      stop({ ms, isAsleep, isLateFirst }) {
        // What stands still already can't be stopped.
        if (state.isStopped) return;
        state.frozenUntil = now + ms;
        state.isLateFirst = isLateFirst;
        if (!isAsleep) return;
        asleepMs += ms;
        state.sleptUntil = state.frozenUntil;
        // Timers run by the monotonic clock, which stands still.
        const mine = queue.filter((each) => each.machine === state && each.isTimer);
        for (const each of mine) {
          queue.splice(queue.indexOf(each), 1);
          each.at += ms;
        }
        mine.forEach(insert);
      },
      stepWall: (ms) => {
        wallMs += ms;
      },
      kill: () => {
        state.isDead = true;
      },
    };
    return state;
  }

  Object.assign(globalThis, {
    setTimeout: (work: () => void, ms = 0, ...args: unknown[]) => setTimer(work, ms, args, undefined),
    setInterval: (work: () => void, ms: number, ...args: unknown[]) => setTimer(work, ms, args, ms),
    setImmediate: (work: () => void, ...args: unknown[]) => setTimer(work, 0, args, undefined),
    clearTimeout: clearTimer,
    clearInterval: clearTimer,
  });

  return {
    get now() {
      return now;
    },
    machine,
    async pass(ms) {
      const until = now + ms;
      for (let next = queue[0]; next !== undefined && next.at <= until; next = queue[0]) {
        queue.shift();
        now = Math.max(now, next.at);
        const { machine: by, work } = next;
        if (work === undefined || by.isDead) continue;
        if (by.frozenUntil > now) {
          next.at = by.frozenUntil;
          next.rank = next.isTimer === by.isLateFirst ? 0 : 1;
          insert(next);
        } else await perform(by, work);
      }
      now = until;
    },
    end: () => void Object.assign(globalThis, real),
  };
}

function isBefore(one: Happening, other: Happening | undefined): boolean {
  if (other === undefined || one.at !== other.at) return other !== undefined && one.at < other.at;
  return one.rank !== other.rank ? one.rank < other.rank : one.order < other.order;
}
