import { AppError } from '@leasehold/core';
import * as v from 'valibot';

/** Every problem at once, each with the field that it is about. Values are not quoted: a field may be a secret. */
export function parseAs<S extends v.GenericSchema>(schema: S, input: unknown, what: string): v.InferOutput<S> {
  const parsed = v.safeParse(schema, input);
  if (parsed.success) return parsed.output;
  const problems = parsed.issues.map((issue) => {
    const path = v.getDotPath(issue) ?? '';
    return `${path === '' ? what : `"${path}"`} ${issue.type === 'strict_object' ? `is not known here, or is missing` : `is not valid: ${issue.expected === null ? issue.type : `expected ${issue.expected}`}`}`;
  });
  throw new AppError('invalid_argument', `${[...new Set(problems)].join('\n')}`);
}
