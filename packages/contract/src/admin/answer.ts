import { AppError, type ErrorCode, isErrorCode } from '@leasehold/core';
import type { Dispatcher } from 'undici';
import * as v from 'valibot';
import { errorSchema } from './resources.ts';

/** What comes back from the broker, or does not: as values of our types, or as AppErrors. */

export function parseAnswer<S extends v.GenericSchema>(schema: S, text: string): v.InferOutput<S> {
  const parsed = v.safeParse(schema, json(text));
  if (parsed.success) return parsed.output;
  const fields = [...new Set(parsed.issues.map((issue) => v.getDotPath(issue) ?? 'the whole'))].join(', ');
  throw new AppError('internal', `The broker’s answer is not understood (${fields}).\nUse a leasehold of the broker’s version.`);
}

export async function wholeText(body: Dispatcher.ResponseData['body'], url: string): Promise<string> {
  try {
    return await body.text();
  } catch (cause) {
    throw cutOff(url, cause);
  }
}

/** NDJSON: one object a line, wherever the chunks are cut. */
export async function* lines<S extends v.GenericSchema>(
  schema: S,
  body: AsyncIterable<Buffer>,
  url: string,
): AsyncIterable<v.InferOutput<S>> {
  const decoder = new TextDecoder();
  let rest = '';
  try {
    for await (const chunk of body) {
      const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = parts.pop() ?? '';
      for (const part of parts) if (part !== '') yield parseAnswer(schema, part);
    }
  } catch (cause) {
    throw cause instanceof AppError ? cause : cutOff(url, cause);
  }
}

/** What ends before it is done must not look as if it were. */
export async function* untilDone<T extends { readonly done: boolean }>(steps: AsyncIterable<T>, url: string): AsyncGenerator<T, void> {
  let isDone = false;
  for await (const step of steps) {
    isDone = step.done;
    yield step;
  }
  if (!isDone) throw cutOff(url, undefined);
}

export async function refusal({ statusCode, body }: Dispatcher.ResponseData): Promise<AppError> {
  const parsed = v.safeParse(errorSchema, json(await body.text().catch(() => '')));
  if (!parsed.success)
    return new AppError('internal', `The broker answered with status ${statusCode} and no reason.\nCheck that this is the admin port.`);
  const { code, message } = parsed.output.error;
  const known: ErrorCode = isErrorCode(code) ? code : 'internal';
  return new AppError(known, message);
}

export function unreachable(url: string, cause: unknown): AppError {
  const code: unknown = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (typeof code === 'string' && /WRONG_VERSION|PACKET_LENGTH|RECORD_LAYER|EPROTO/.test(code))
    return new AppError(
      'broker_unreachable',
      `What listens at ${url} does not speak TLS.\nCheck that this is the admin port (LEASEHOLD_ADMIN_URL).`,
      { cause },
    );
  const isTls = typeof code === 'string' && /CERT|TLS|SSL|SIGNATURE/.test(code);
  return isTls
    ? new AppError(
        'broker_unreachable',
        `The broker at ${url} shows a certificate that the CA file does not vouch for.\nUse the ca.pem of this broker (LEASEHOLD_CA_FILE).`,
        { cause },
      )
    : new AppError('broker_unreachable', `The broker at ${url} does not answer.\nStart it, or check LEASEHOLD_ADMIN_URL.`, { cause });
}

function cutOff(url: string, cause: unknown): AppError {
  return new AppError(
    'broker_unreachable',
    `The broker at ${url} stopped in the middle of its answer.\nLook whether the change was made before you try again.`,
    { cause },
  );
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
