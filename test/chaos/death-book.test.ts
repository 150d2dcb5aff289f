import { describe, expect, it } from 'vitest';
import { createDeathBook, type DeathBook } from './death-book.ts';

const value = { agent: 'one', credential: 'alpha', version: 1 };

function openBook(): DeathBook {
  const book = createDeathBook();
  book.allow('alpha', 1);
  return book;
}

describe('the book that chaos is judged by', () => {
  it('finds the last use after the earliest death, whichever it hears of first', () => {
    const book = openBook();
    book.seen('request', value, 1_500);
    book.seen('request', value, 1_400);
    book.died('alpha', 1, undefined, 1_300);
    book.died('alpha', 1, undefined, 1_000);
    book.died('alpha', 1, undefined, 1_200);
    expect(book.late('request')).toEqual([{ ...value, kind: 'request', latenessMs: 500 }]);
    expect(book.late('stream')).toEqual([]);
  });

  it('holds an agent’s own death against that agent alone', () => {
    const book = openBook();
    book.died('alpha', 1, 'one', 1_000);
    book.seen('stream', value, 1_001);
    book.seen('stream', { ...value, agent: 'two' }, 9_000);
    expect(book.late('stream')).toEqual([{ ...value, kind: 'stream', latenessMs: 1 }]);
  });

  it('finds uses after a confirmation, and values that nobody had allowed yet', () => {
    const book = openBook();
    book.confirmed('alpha', 1, 'one', 1_010);
    book.seen('request', value, 1_010);
    expect(book.afterConfirmation).toEqual([]);
    book.seen('request', value, 1_011);
    expect(book.afterConfirmation).toEqual([{ ...value, kind: 'request', latenessMs: 1 }]);
    book.seen('request', { ...value, version: 2 }, 1);
    expect(book.tooEarly).toEqual([{ ...value, version: 2 }]);
  });
});
