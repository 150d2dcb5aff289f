import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { answerOf } from './answers.ts';
import { endlessly } from './endless-answer.ts';
import type { GuestBook } from './guest-book.ts';

export type ServeSocket = (book: GuestBook, request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/** WebSockets: `/stream` never stops talking, any other answers each message. */
export function createSocketHost(): ServeSocket {
  const server = new WebSocketServer({ noServer: true });
  return (book, request, socket, head) => {
    server.handleUpgrade(request, socket, head, (opened) => {
      if (request.url?.endsWith('/stream') === true) endlessly(opened, () => opened.send('on and '), book);
      else opened.on('message', () => opened.send(JSON.stringify(answerOf(book.account, request.headers))));
    });
  };
}
