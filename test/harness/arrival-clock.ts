/**
 * Tells when bytes arrived at this process, and not when it got round to them: on a busy machine the two differ by more than what is measured.
 */
export interface ArrivalClock {
  /** A wall-clock time (ms) before which what is handled right now had not arrived. Early by a few ms, never late. */
  earliestMs(): number;
  close(): void;
}

/**
 * The event loop asks for all that has arrived once a turn. What had arrived before the turn before this one began was handled in that turn,
 * so what is handled now arrived later than that.
 */
export function createArrivalClock(): ArrivalClock {
  let turnMs = Date.now();
  let turnBeforeMs = turnMs;
  const timer = setInterval(() => {
    turnBeforeMs = turnMs;
    turnMs = Date.now();
  }, 2);
  return {
    earliestMs: () => turnBeforeMs,
    close: () => clearInterval(timer),
  };
}
