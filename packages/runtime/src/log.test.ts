import { AppError } from '@leasehold/core';
import { expect, test } from 'vitest';
import { createLog } from './log.ts';

function logged(write: (log: ReturnType<typeof createLog>) => void): string {
  let text = '';
  const to = {
    write: (line: string) => {
      text += line;
    },
  };
  write(createLog({ program: 'test', version: '0', level: 'trace', to }));
  return text;
}

test('INV-15: an error of a library shows its kind, code and place, never its message', () => {
  const error = Object.assign(new TypeError('Invalid header value "Bearer sk-secret"'), { code: 'ERR_INVALID_CHAR' });
  const line = JSON.parse(logged((log) => log.error({ err: new AppError('internal', 'It failed.', { cause: error }) }, 'failed')));
  expect(line.err).toMatchObject({
    type: 'AppError',
    code: 'internal',
    message: 'It failed.',
    cause: { type: 'TypeError', code: 'ERR_INVALID_CHAR' },
  });
  expect(JSON.stringify(line)).not.toContain('sk-secret');
});

test('INV-15: a request or response object that is handed over is dropped', () => {
  expect(logged((log) => log.info({ req: { headers: { authorization: 'Bearer sk-secret' } } }, 'request'))).not.toContain('sk-secret');
});
