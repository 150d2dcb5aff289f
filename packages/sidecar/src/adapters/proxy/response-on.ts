import { OutgoingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

/** Node keeps the response in progress on its socket, and its own handler of parse errors looks there too. */
export function responseOn(socket: Duplex): OutgoingMessage | undefined {
  return '_httpMessage' in socket && socket._httpMessage instanceof OutgoingMessage ? socket._httpMessage : undefined;
}
