/** Keeps a long loop from holding the event loop: a breath after each `every` steps. */
export interface Pace {
  /** Undefined most of the time; await what is not. */
  step(count?: number): Promise<void> | undefined;
}

export function createPace(every: number, breathe: () => Promise<void>): Pace {
  let steps = 0;
  return {
    step(count = 1) {
      steps += count;
      if (steps < every) return undefined;
      steps = 0;
      return breathe();
    },
  };
}
