import type { Duplex } from 'node:stream';
import type { AppError } from '@leasehold/core';
import { letLinger } from './linger.ts';
import { refusalBytes } from './refusal.ts';

/** Answers with a typed error where Node's server gives us no response object, and closes the connection. */
export function refuseSocket(socket: Duplex, error: AppError): void {
  socket.on('error', () => undefined);
  socket.end(refusalBytes(error));
  socket.resume();
  letLinger(socket);
}
