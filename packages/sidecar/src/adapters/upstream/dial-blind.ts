import { AppError } from '@leasehold/core';
import type { TunnelTarget } from '../../ports/agent-service.ts';
import { type Connected, type ConnectOptions, createDial } from './connect.ts';

/** Connects to a host that no credential is bound to, for bytes that pass unseen: to public addresses alone (INV-8, THREATS 11 and 12). */
export function createDialBlind(options: ConnectOptions): (target: TunnelTarget, connected: Connected) => void {
  return ({ host, port }, connected) => {
    const dial = createDial({ scheme: 'http', port, caPem: undefined, privateCidrs: [] }, host, options);
    dial((error, socket) => connected(error?.code === 'address_forbidden' ? notPublic(host, error) : error, socket));
  };
}

function notPublic(host: string, cause: AppError): AppError {
  return new AppError(
    'address_forbidden',
    `${host} is a private or special address, or resolves to one. Without a credential that is bound to it, tunnels go to public addresses alone.`,
    { cause },
  );
}
