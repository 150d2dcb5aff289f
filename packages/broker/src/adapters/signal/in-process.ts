import type { RevocationSignal } from '../../ports/revocation-signal.ts';

/** Wake-ups within one broker process: enough for a store that has one writer. */
export function createInProcessSignal(): RevocationSignal {
  const listeners = new Set<() => void>();
  let isDue = false;

  const wakeAll = () => {
    isDue = false;
    for (const listener of listeners) listener();
  };

  return {
    notify() {
      // Commits of one turn are folded into one wake-up, and a listener never runs inside the committer's call.
      if (isDue) return;
      isDue = true;
      queueMicrotask(wakeAll);
    },
    subscribe(listener, ended) {
      if (ended.aborted) return;
      // A wrapper of its own, so that the same function may be subscribed twice.
      const wake = () => listener();
      listeners.add(wake);
      ended.addEventListener('abort', () => listeners.delete(wake), { once: true });
    },
  };
}
