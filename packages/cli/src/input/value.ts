import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { AppError } from '@leasehold/core';

/**
 * A secret value from a file, standard input, or a prompt without echo; never from an argument, which every process on the machine can read.
 * One line end at its end is dropped. The caller wipes the buffer.
 */
export async function readValue(file: string | undefined): Promise<Buffer> {
  const raw = file !== undefined ? await readValueFile(file) : process.stdin.isTTY === true ? await prompt() : await readAll();
  const value = withoutLineEnd(raw);
  if (value.length === 0)
    throw new AppError(
      'invalid_argument',
      'There is no value.\nGive it on standard input (< key.txt), with --value-file FILE, or at the prompt.',
    );
  return value;
}

async function readValueFile(path: string): Promise<Buffer> {
  return readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw new AppError('invalid_argument', `The value file ${path} can't be read (${cause.code}).\nCheck the path and who may read it.`, {
      cause,
    });
  });
}

async function readAll(): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

function withoutLineEnd(raw: Buffer): Buffer {
  const lf = raw.at(-1) === 0x0a ? 1 : 0;
  const cr = lf === 1 && raw.at(-2) === 0x0d ? 1 : 0;
  return raw.subarray(0, raw.length - lf - cr);
}

async function prompt(): Promise<Buffer> {
  process.stderr.write('Value (not shown): ');
  const mute = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: mute, terminal: true });
  const answer = await new Promise<string>((resolve) => lines.question('', resolve));
  lines.close();
  process.stderr.write('\n');
  return Buffer.from(answer, 'latin1');
}
