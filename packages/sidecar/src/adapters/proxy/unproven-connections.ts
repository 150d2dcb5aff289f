import type { Socket } from 'node:net';

/**
 * Connections on which no agent has proven itself, counted by address: whoever proves nothing must not take the places of those who could
 * (THREATS 34). Bounded by the connections that there are.
 */
export interface UnprovenConnections {
  /** A connection came in. Destroys it when its address has as many unproven ones as it may. */
  accepted(socket: Socket): void;
  /** An agent has proven itself on it: from here on it counts as that agent's. */
  proven(socket: Socket): void;
}

export function createUnprovenConnections({ maxPerAddress }: { readonly maxPerAddress: number }): UnprovenConnections {
  const addresses = new Map<string, string>();
  const counts = new Map<string, number>();

  function forget(key: string): void {
    const address = addresses.get(key);
    if (address === undefined) return;
    addresses.delete(key);
    const left = (counts.get(address) ?? 1) - 1;
    if (left === 0) counts.delete(address);
    else counts.set(address, left);
  }

  return {
    accepted(socket) {
      const { remoteAddress = '' } = socket;
      const count = counts.get(remoteAddress) ?? 0;
      if (count >= maxPerAddress) {
        socket.destroy();
        return;
      }
      const key = keyOf(socket);
      addresses.set(key, remoteAddress);
      counts.set(remoteAddress, count + 1);
      socket.once('close', () => forget(key));
    },
    proven: (socket) => forget(keyOf(socket)),
  };
}

/** TLS has another socket than the connection below it, but the same peer. */
function keyOf({ remoteAddress = '', remotePort = 0 }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
