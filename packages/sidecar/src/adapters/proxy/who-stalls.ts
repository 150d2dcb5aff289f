import type { Readable } from 'node:stream';

/** Of a body of which nothing has moved for too long: what is here and was not read is what the vendor does not take. `isWhole`: no more of it comes. */
export function whoStalls(body: Readable, isWhole: boolean): 'agent' | 'vendor' {
  return isWhole || body.readableLength > 0 ? 'vendor' : 'agent';
}
