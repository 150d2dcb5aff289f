import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { createRelayFlow, type RelayFlow } from './relay-flow.ts';

/** What a network does to what goes through it. */
export type NetworkCondition =
  | { readonly kind: 'pass' }
  /** Holds bytes and closings, in order, until the condition changes; `up` is towards the target. */
  | { readonly kind: 'stall'; readonly direction: 'both' | 'up' | 'down' }
  | { readonly kind: 'delay'; readonly ms: number }
  /** A few bytes at a time. */
  | { readonly kind: 'drip'; readonly bytes: number; readonly everyMs: number }
  /** Cuts what is open, and takes nothing new. */
  | { readonly kind: 'refuse' }
  /** What is open now, or is opened meanwhile, stays open and is dead for ever: no byte arrives, nothing is closed. */
  | { readonly kind: 'half-open' };

export interface TcpRelay {
  readonly port: number;
  /** Connections open on the outer side. */
  readonly connections: number;
  set(condition: NetworkCondition): void;
  /** Cuts every open connection, once. */
  cut(): void;
  close(): Promise<void>;
}

interface RelayedConnection {
  readonly outer: Socket;
  readonly inner: Socket | undefined;
  readonly flows: readonly RelayFlow[];
}

/** Relays TCP from a port of its own on loopback to `targetPort()`, asked for each connection: the target may come back on another port. */
export async function startTcpRelay(targetPort: () => number): Promise<TcpRelay> {
  const open = new Set<RelayedConnection>();
  let condition: NetworkCondition = { kind: 'pass' };
  const conditionNow = (): NetworkCondition => condition;

  const server = createServer({ noDelay: true }, (outer) => {
    if (condition.kind === 'refuse') {
      outer.resetAndDestroy();
      return;
    }
    // A dead connection is one that nobody listens to.
    const inner = condition.kind === 'half-open' ? undefined : connect({ port: targetPort(), host: '127.0.0.1', noDelay: true });
    const flows =
      inner === undefined ? [] : [createRelayFlow(outer, inner, 'up', conditionNow), createRelayFlow(inner, outer, 'down', conditionNow)];
    const connection = { outer, inner, flows };
    open.add(connection);
    outer.on('error', () => outer.destroy());
    outer.on('close', () => open.delete(connection));
    if (inner === undefined) outer.resume();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  function cut(): void {
    for (const { outer, inner } of open) {
      outer.resetAndDestroy();
      inner?.resetAndDestroy();
    }
  }

  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return open.size;
    },
    set(next) {
      condition = next;
      if (next.kind === 'refuse') cut();
      for (const { flows } of open) for (const flow of flows) next.kind === 'half-open' ? flow.die() : flow.pump();
    },
    cut,
    close: async () => {
      for (const { outer, inner } of open) {
        outer.destroy();
        inner?.destroy();
      }
      server.close();
      await once(server, 'close');
    },
  };
}
