import type { EventEmitter } from 'node:events';
import type { GuestBook } from './guest-book.ts';

const intervalMs = 50;

/** Says one more piece again and again, until `to` is closed by the other side. */
export function endlessly(to: EventEmitter, sayMore: () => void, book: GuestBook): void {
  const timer = setInterval(sayMore, intervalMs);
  to.on('error', () => undefined);
  to.once('close', () => {
    clearInterval(timer);
    book.noteClosed();
  });
  sayMore();
  book.noteBegun();
}

/** An event that OpenAI's, Anthropic's and everybody else's reader of event streams takes for a piece of an answer. */
export const event = `event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"on "},"choices":[]}\n\n`;
