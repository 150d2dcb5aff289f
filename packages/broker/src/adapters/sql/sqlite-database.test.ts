import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, describe, expect, test } from 'vitest';
import { type Query, statement } from './query.ts';
import type { Row } from './rows.ts';
import { openSqlite } from './sqlite-database.ts';

const root = mkdtempSync(join(tmpdir(), 'leasehold-file-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const fresh = () => join(mkdtempSync(join(root, 'each-')), 'state', 'leasehold.db');

function* rowsOf(sql: string): Query<readonly Row[]> {
  return yield statement(sql);
}

function made(rows = 0): string {
  const path = fresh();
  const database = openSqlite(path);
  for (let index = 0; index < rows; index += 1)
    database.run(rowsOf(`INSERT INTO broker_keys (name, wrapped) VALUES ('${'long '.repeat(100)}${index}', x'00')`));
  database.close();
  return path;
}

const unavailable = (words: string) => expect.objectContaining({ code: 'store_unavailable', message: expect.stringContaining(words) });

/** Refused with these words, and every byte is as it was. */
function isRefused(path: string, words: string): void {
  const before = readFileSync(path);
  expect(() => openSqlite(path)).toThrow(unavailable(words));
  expect(readFileSync(path)).toEqual(before);
}

describe('the database file', () => {
  test('is readable by its owner alone, log included, in a directory that nobody else may enter', () => {
    const path = fresh();
    const database = openSqlite(path);
    database.run(rowsOf("INSERT INTO broker_keys (name, wrapped) VALUES ('a', x'00')"));
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(`${path}-wal`).mode & 0o777).toBe(0o600);
    expect(statSync(dirname(path)).mode & 0o777).toBe(0o700);
    database.close();
  });

  test('that was left readable for others is closed to them again', () => {
    const path = made();
    chmodSync(path, 0o644);
    openSqlite(path).close();
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test('answers a commit only when it is on the disk', () => {
    const database = openSqlite(fresh());
    expect(database.run(rowsOf('PRAGMA journal_mode'))).toEqual([{ journal_mode: 'wal' }]);
    expect(database.run(rowsOf('PRAGMA synchronous'))).toEqual([{ synchronous: 2 }]);
    database.close();
  });

  test('keeps no bytes of a value that was dropped', () => {
    const path = fresh();
    const database = openSqlite(path);
    database.run(rowsOf("INSERT INTO broker_keys (name, wrapped) VALUES ('a', CAST('a ciphertext to look for' AS BLOB))"));
    database.run(rowsOf('PRAGMA wal_checkpoint(TRUNCATE)'));
    expect(readFileSync(path).includes('a ciphertext to look for')).toBe(true);
    database.run(rowsOf('DELETE FROM broker_keys'));
    database.close();
    expect(readFileSync(path).includes('a ciphertext to look for')).toBe(false);
    expect(existsSync(`${path}-wal`)).toBe(false);
  });

  test('serves one broker: a second one in this process is refused, and told what to do', () => {
    const path = made();
    const database = openSqlite(path);
    expect(() => openSqlite(path)).toThrow(unavailable('in use by another broker'));
    database.run(rowsOf('SELECT 1'));
    database.close();
    openSqlite(path).close();
  });

  test('serves one broker: one in another process is refused too', () => {
    const path = made();
    const database = openSqlite(path);
    const code = `import { openSqlite } from ${JSON.stringify(join(import.meta.dirname, 'sqlite-database.ts'))}; openSqlite(process.argv[1]);`;
    const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', code, path], { encoding: 'utf8' });
    expect(stderr).toContain('in use by another broker');
    expect(status).not.toBe(0);
    database.close();
  });
});

describe('a file that is not whole is refused, never made anew', () => {
  test('no database at all', () => {
    const path = made();
    writeFileSync(path, 'no database at all, but long enough to look at'.repeat(100));
    isRefused(path, 'Restore it from a backup');
  });

  test('cut short', () => {
    const path = made(200);
    truncateSync(path, statSync(path).size - 3 * 4_096);
    isRefused(path, 'Restore it from a backup');
  });

  test('gone, while its log is there', () => {
    const path = made();
    rmSync(path);
    writeFileSync(`${path}-wal`, 'what was acknowledged last');
    expect(() => openSqlite(path)).toThrow(unavailable('its log'));
    expect(readFileSync(`${path}-wal`, 'utf8')).toBe('what was acknowledged last');
  });

  test('with a damaged page: reading it is store_unavailable', () => {
    const path = made(200);
    const bytes = readFileSync(path);
    bytes.fill(0xa5, bytes.length - 20 * 4_096);
    writeFileSync(path, bytes);
    const database = openSqlite(path);
    expect(() => database.run(rowsOf('SELECT * FROM broker_keys'))).toThrow(unavailable('damaged'));
    database.close();
  });

  test('of another program', () => {
    const path = fresh();
    openSqlite(path).close();
    rmSync(path);
    const other = new DatabaseSync(path);
    other.exec('CREATE TABLE theirs (x)');
    other.close();
    isRefused(path, 'belongs to another program');
  });

  test('of a newer version', () => {
    const path = made();
    const raw = new DatabaseSync(path);
    raw.exec('PRAGMA user_version = 999');
    raw.close();
    isRefused(path, 'newer version');
  });

  test('in a directory that is a file', () => {
    const path = made();
    expect(() => openSqlite(join(path, 'leasehold.db'))).toThrow(unavailable("can't be opened"));
  });
});
