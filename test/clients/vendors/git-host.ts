import { execFile, spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { proofFor } from './account.ts';
import { endlessly } from './endless-answer.ts';
import type { GuestBook } from './guest-book.ts';

const run = promisify(execFile);

export type ServeGit = (book: GuestBook, request: IncomingMessage, response: ServerResponse) => void;

/**
 * Smart HTTP, by git itself: `/repository.git` holds one file that says the proof, `/endless.git` never gets to the end of a fetch. Repositories are
 * made in `dir` when they are asked for.
 */
export function createGitHost(dir: string): ServeGit {
  const roots = new Map<string, Promise<string>>();

  async function serveByGit({ account }: GuestBook, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const name = account.hosts.join();
    const made = roots.get(name) ?? createRepository(join(dir, name), proofFor(account));
    roots.set(name, made);
    const [path = '', query = ''] = (request.url ?? '').replace('/endless.git', '/repository.git').split('?');
    const program = spawn('git', ['http-backend'], {
      stdio: ['pipe', 'pipe', 'ignore'],
      env: {
        PATH: process.env.PATH,
        GIT_PROJECT_ROOT: await made,
        GIT_HTTP_EXPORT_ALL: '1',
        PATH_INFO: path,
        QUERY_STRING: query,
        REQUEST_METHOD: request.method,
        CONTENT_TYPE: request.headers['content-type'],
        HTTP_CONTENT_ENCODING: request.headers['content-encoding'],
      },
    });
    program.on('error', (error) => response.destroy(error));
    program.stdin.on('error', () => undefined);
    request.pipe(program.stdin);
    answerByCgi(await buffer(program.stdout), response);
  }

  return (book, request, response) => {
    if (request.url === '/endless.git/git-upload-pack') {
      request.resume();
      response.writeHead(200, { 'content-type': 'application/x-git-upload-pack-result' });
      response.write('0008NAK\n');
      const progress = packetLine('\u0002still counting\n');
      endlessly(response, () => response.write(progress), book);
    } else serveByGit(book, request, response).catch((error) => response.destroy(error));
  };
}

/** A CGI answer is a head that may name a status, and a body (RFC 3875 section 6). */
function answerByCgi(answer: Buffer, response: ServerResponse): void {
  const end = answer.indexOf('\r\n\r\n');
  const fields = answer
    .subarray(0, end)
    .toString()
    .split('\r\n')
    .map((line): [string, string] => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]);
  const headers = Object.fromEntries(fields);
  response
    .writeHead(Number.parseInt(headers.Status ?? '200', 10), { 'content-type': headers['Content-Type'] })
    .end(answer.subarray(end + 4));
}

async function createRepository(root: string, proof: string): Promise<string> {
  const work = join(root, 'work');
  const git = (...args: readonly string[]) =>
    run('git', ['-C', work, '-c', 'user.name=vendor', '-c', 'user.email=vendor@vendor.test', ...args]);
  await run('git', ['init', '-q', work]);
  await writeFile(join(work, 'proof'), `${proof}\n`);
  await git('add', 'proof');
  await git('commit', '-q', '-m', 'proof');
  await git('clone', '-q', '--bare', work, join(root, 'repository.git'));
  return root;
}

function packetLine(text: string): string {
  return `${(Buffer.byteLength(text) + 4).toString(16).padStart(4, '0')}${text}`;
}
