import type { TunnelTarget } from '../../ports/agent-service.ts';
import { type Connected, type ConnectOptions, createDial } from './connect.ts';

/** Connects to a host that no credential is bound to, for bytes that pass unseen: to public addresses alone (INV-8, THREATS 11 and 12). */
export function createDialBlind(options: ConnectOptions): (target: TunnelTarget, connected: Connected) => void {
  return ({ host, port }, connected) => createDial({ scheme: 'http', port, caPem: undefined, privateCidrs: [] }, host, options)(connected);
}
