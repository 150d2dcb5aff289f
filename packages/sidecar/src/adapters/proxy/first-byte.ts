import type { Socket } from 'node:net';

/** Calls `found` with the first byte that comes; whoever serves the socket reads it again, and finds it paused. One that says nothing in time is cut. */
export function onFirstByte(socket: Socket, timeoutMs: number, found: (byte: number | undefined) => void): void {
  const giveUp = () => socket.destroy();
  const timer = setTimeout(giveUp, timeoutMs);
  socket.once('end', giveUp);
  socket.once('close', () => clearTimeout(timer));
  socket.once('data', (chunk: Buffer) => {
    clearTimeout(timer);
    socket.off('end', giveUp);
    socket.pause();
    socket.unshift(chunk);
    found(chunk[0]);
  });
}

/** Content type of a TLS record that holds a ClientHello (RFC 8446 section 5.1): no HTTP method begins with it. */
export const tlsHandshake = 0x16;
