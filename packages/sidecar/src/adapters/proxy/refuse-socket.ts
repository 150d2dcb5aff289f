import type { Duplex } from 'node:stream';
import type { AppError } from '@leasehold/core';
import { refusalBytes } from './refusal.ts';

/** Answers with a typed error where Node's server gives us no response object, and closes the connection. */
export function refuseSocket(socket: Duplex, error: AppError, lingerMs: number): void {
  socket.on('error', () => undefined);
  socket.end(refusalBytes(error));
  socket.resume();
  // The other side may keep its half open for as long as it likes.
  const timer = setTimeout(() => socket.destroy(), lingerMs);
  socket.once('close', () => clearTimeout(timer));
}
