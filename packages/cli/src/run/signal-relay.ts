/** Signals that would end us, turned into events: what has to be tidied up goes first, and a command gets them passed on. */
export interface SignalRelay {
  /** Resolves with the first one. */
  readonly first: Promise<NodeJS.Signals>;
  /** Passes each one on, until the returned function is called. */
  to(receiver: (signal: NodeJS.Signals) => void): () => void;
  close(): void;
}

const relayed = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;
/** A terminal sends these to everybody in its foreground, the command included. */
const ofTerminal: ReadonlySet<NodeJS.Signals> = new Set(['SIGINT', 'SIGQUIT']);

export function createSignalRelay(from: NodeJS.EventEmitter, hasTerminal: boolean): SignalRelay {
  const receivers = new Set<(signal: NodeJS.Signals) => void>();
  const { promise: first, resolve: tellFirst } = Promise.withResolvers<NodeJS.Signals>();
  const listeners = relayed.map((signal) => {
    const listener = () => {
      tellFirst(signal);
      // Twice would mean something else to it: many programs give up their tidying up at the second one.
      if (hasTerminal && ofTerminal.has(signal)) return;
      for (const receiver of receivers) receiver(signal);
    };
    from.on(signal, listener);
    return { signal, listener };
  });
  return {
    first,
    to: (receiver) => {
      receivers.add(receiver);
      return () => receivers.delete(receiver);
    },
    close: () => {
      for (const { signal, listener } of listeners) from.off(signal, listener);
    },
  };
}
