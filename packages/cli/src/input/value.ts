import { open } from 'node:fs/promises';
import { AppError } from '@leasehold/core';
import { prompt, type Terminal } from './prompt.ts';

/** Longer than any value that the broker takes: what is read beyond it would only be refused later. */
const maxBytes = 65_536;

/**
 * A secret value from a file, standard input, or a prompt without echo; never from an argument, which every process on the machine can read.
 * One line end at its end is dropped. The caller wipes the buffer.
 */
export async function readValue(file: string | undefined): Promise<Buffer> {
  const raw =
    file !== undefined ? await readFileValue(file) : process.stdin.isTTY === true ? await askedValue() : await readAll(process.stdin);
  const value = withoutLineEnd(raw);
  if (value.length === 0)
    throw new AppError(
      'invalid_argument',
      'There is no value.\nGive it on standard input (< key.txt), with --value-file FILE, or at the prompt.',
    );
  return value;
}

async function readFileValue(path: string): Promise<Buffer> {
  try {
    const file = await open(path);
    return await readAll(file.createReadStream());
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    const code = cause instanceof Error && 'code' in cause ? ` (${cause.code})` : '';
    throw new AppError('invalid_argument', `The value file ${path} can’t be read${code}.\nCheck the path and who may read it.`, { cause });
  }
}

/** Everything there is to read; the pieces are wiped once they are in one buffer. */
export async function readAll(source: AsyncIterable<unknown>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of source) {
    if (!Buffer.isBuffer(chunk)) throw new AppError('internal', 'The value did not come as bytes.');
    chunks.push(chunk);
    size += chunk.length;
    if (size > maxBytes)
      throw new AppError('invalid_argument', `The value is longer than ${maxBytes} bytes.\nCheck that this is the right file.`);
  }
  const whole = Buffer.concat(chunks);
  for (const chunk of chunks) chunk.fill(0);
  return whole;
}

export function withoutLineEnd(raw: Buffer): Buffer {
  const lf = raw.at(-1) === 0x0a ? 1 : 0;
  const cr = lf === 1 && raw.at(-2) === 0x0d ? 1 : 0;
  return raw.subarray(0, raw.length - lf - cr);
}

/** As UTF-8: what is no ASCII stays recognizable as such, and is refused instead of being bent into something else. */
export async function askedValue(terminal: Terminal = { input: process.stdin, output: process.stderr }): Promise<Buffer> {
  return Buffer.from((await prompt(terminal, 'Value (not shown): ', { isHidden: true })) ?? '', 'utf8');
}
