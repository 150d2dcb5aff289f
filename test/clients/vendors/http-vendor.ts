import { timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Identity } from '../../harness/certificates.ts';
import { type Account, proofFor } from './account.ts';
import { event, writeEndlessly } from './endless-answer.ts';
import { createGitHost, type ServeGit } from './git-host.ts';
import { type GuestBook, openGuestBook } from './guest-book.ts';

export interface HttpVendor {
  readonly port: number;
  /** From now on the account's host knows its customer. */
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
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    open: (account) => {
      const book = openGuestBook(account);
      books.set(account.host, book);
      return book;
    },
    close: async () => {
      server.closeAllConnections();
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
    writeEndlessly(response, event, book);
  } else if (path.endsWith('/page')) {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>a page</title>');
  } else {
    request.resume();
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answerOf(book.account, request)));
  }
}

/** Once, and as it should be. */
function carries(rawHeaders: readonly string[], { header }: Account): boolean {
  const texts = rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === header.name);
  const [text = ''] = texts;
  return texts.length === 1 && text.length === header.text.length && timingSafeEqual(Buffer.from(text), Buffer.from(header.text));
}

/** Event streams of language models, downloads, and what has no better name. */
function isEndless(path: string): boolean {
  return /\/stream\b|\/chat\/completions$|\/messages$|\/tarball\/|_stream\/pdf$|-response-stream$|alt=media/.test(path);
}

/** One text that serves every SDK: each reads the fields that it knows. It gives away what came in, as careless vendors do. */
function answerOf(account: Account, { headers }: IncomingMessage): object {
  const proof = proofFor(account);
  return { object: 'list', ok: true, has_more: false, data: [{ id: proof }], proof, you_sent: headers };
}
