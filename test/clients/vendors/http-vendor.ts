import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Identity } from '../../harness/certificates.ts';
import type { Account } from './account.ts';
import { answerOf, carries } from './answers.ts';
import { endlessly, event } from './endless-answer.ts';
import { createGitHost, type ServeGit } from './git-host.ts';
import { type GuestBook, openGuestBook } from './guest-book.ts';
import { createSocketHost } from './socket-host.ts';

export interface HttpVendor {
  readonly port: number;
  /** From now on the account's hosts know their customer. */
  open(account: Account): GuestBook;
  close(): Promise<void>;
}

/** HTTP APIs of many hosts on one port, over TLS. They answer nobody without the right credential. `dir` is for what they must keep in files. */
export async function startHttpVendor(identity: Identity, dir: string): Promise<HttpVendor> {
  const serveGit = createGitHost(dir);
  const books = new Map<string, GuestBook>();
  const server = createServer({ cert: identity.certPem, key: identity.keyPem }, (request, response) => {
    const book = books.get(request.headers.host ?? '');
    if (book === undefined) response.writeHead(404).end('no such host');
    else serve(book, request, response, serveGit);
  });
  const serveSocket = createSocketHost();
  const sockets = new Set<Duplex>();
  server.on('upgrade', (request, socket, head) => {
    const book = books.get(request.headers.host ?? '');
    const isRightful = book !== undefined && carries(request.rawHeaders, book.account);
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    book?.visits.push({ path: request.url ?? '', isRightful });
    if (book !== undefined && isRightful) serveSocket(book, request, socket, head);
    else socket.end('HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    open: (account) => {
      const book = openGuestBook(account);
      for (const host of account.hosts) books.set(host, book);
      return book;
    },
    close: async () => {
      server.closeAllConnections();
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function serve(book: GuestBook, request: IncomingMessage, response: ServerResponse, serveGit: ServeGit): void {
  const isRightful = carries(request.rawHeaders, book.account);
  const path = request.url ?? '';
  book.visits.push({ path, isRightful });
  if (!isRightful) response.writeHead(401, { 'www-authenticate': 'Basic realm="vendor"' }).end('{"error":{"message":"no such key"}}');
  else if (path.includes('.git/')) serveGit(book, request, response);
  else if (isEndless(path)) {
    response.writeHead(200, { 'content-type': path.includes('tarball') ? 'application/gzip' : 'text/event-stream' });
    endlessly(response, () => response.write(event), book);
  } else if (path.endsWith('/page')) {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>a page</title>');
  } else if (path.endsWith('/upload')) {
    const hash = createHash('sha256');
    request.on('data', (piece: Buffer) => hash.update(piece));
    request.on('end', () => response.writeHead(200, { 'content-type': 'text/plain' }).end(hash.digest('hex')));
  } else {
    request.resume();
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answerOf(book.account, request.headers)));
  }
}

/** Event streams of language models, downloads, and what has no better name. */
function isEndless(path: string): boolean {
  return /\/stream\b|\/chat\/completions$|\/messages$|\/tarball\/|_stream\/pdf$|-response-stream$|alt=media/.test(path);
}
