/** Connections that are kept for one agent beyond a request: bounded, and all cut when it is served no longer. */
export interface KeptConnections {
  /** Undefined when there are as many as there may be, or it is over. The returned function may be called more than once. */
  keep(cut: () => void): (() => void) | undefined;
  /** Cuts all; nothing is kept from here on. */
  close(): void;
  readonly size: number;
}

export function createKeptConnections({ max }: { readonly max: number }): KeptConnections {
  const kept = new Set<{ readonly cut: () => void }>();
  let isClosed = false;
  return {
    keep(cut) {
      if (isClosed || kept.size >= max) return undefined;
      const connection = { cut };
      kept.add(connection);
      return () => {
        kept.delete(connection);
      };
    },
    close() {
      isClosed = true;
      const all = [...kept];
      kept.clear();
      for (const { cut } of all) cut();
    },
    get size() {
      return kept.size;
    },
  };
}
