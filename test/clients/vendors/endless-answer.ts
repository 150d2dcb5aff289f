import type { Writable } from 'node:stream';
import type { GuestBook } from './guest-book.ts';

const intervalMs = 50;

/** Writes `piece` over and over, until the other side has had enough. */
export function writeEndlessly(to: Writable, piece: string | Buffer, book: GuestBook): void {
  const write = () => {
    if (to.writable) to.write(piece);
  };
  const timer = setInterval(write, intervalMs);
  to.on('error', () => undefined);
  to.once('close', () => {
    clearInterval(timer);
    book.noteClosed();
  });
  write();
  book.noteBegun();
}

/** An event that OpenAI's, Anthropic's and everybody else's reader of event streams takes for a piece of an answer. */
export const event = `event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"on "},"choices":[]}\n\n`;
