import { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

/** Ends a connection so that nobody takes it for an orderly end. Node resets TCP alone, and throws for TLS: there it is the TCP below that has to be reset. */
export function resetConnection(socket: Socket): void {
  if (!(socket instanceof TLSSocket)) {
    socket.resetAndDestroy();
    return;
  }
  // Node keeps what TLS runs over there, and its own code looks there too.
  if ('_parent' in socket && socket._parent instanceof Socket) resetConnection(socket._parent);
  socket.destroy();
}
