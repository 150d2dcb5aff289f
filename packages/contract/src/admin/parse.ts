import { AppError } from '@leasehold/core';
import * as v from 'valibot';

/** Every problem at once, each with the field that it is about. Values are not quoted: a field may be a secret. */
export function parseAs<S extends v.GenericSchema>(schema: S, input: unknown, what: string): v.InferOutput<S> {
  const parsed = v.safeParse(schema, input);
  if (parsed.success) return parsed.output;
  const problems = parsed.issues.map((issue) => {
    const path = v.getDotPath(issue) ?? '';
    return `${path === '' ? what : `"${path}"`} ${problemOf(issue)}`;
  });
  throw new AppError('invalid_argument', `${[...new Set(problems)].join('\n')}`);
}

function problemOf({ type, expected, message }: v.BaseIssue<unknown>): string {
  if (type === 'strict_object') return 'is not known here, or is missing';
  // valibot's own messages quote what came; ours say what it must be.
  if (!message.startsWith('Invalid ')) return message;
  return `is not valid: ${expected === null ? type : `expected ${expected}`}`;
}
