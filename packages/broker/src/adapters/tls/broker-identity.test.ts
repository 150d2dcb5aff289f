import { X509Certificate } from 'node:crypto';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openBrokerIdentity, type TlsIdentity } from './broker-identity.ts';
import { issueServer } from './issue.ts';

const dayMs = 86_400_000;
const begin = Date.parse('2026-03-01T00:00:00Z');
const names = ['localhost', '127.0.0.1'];

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'broker-identity-'));
});
afterEach(() => rm(dir, { recursive: true }));

const open = (now = begin, wanted = names): Promise<TlsIdentity> => openBrokerIdentity(dir, wanted, now);
const at = (name: string): string => join(dir, name);
const text = (name: string): Promise<string> => readFile(at(name), 'utf8');

/** What a version left that kept the key and its certificate apart. */
async function leaveTwoFiles(): Promise<{ readonly certPem: string; readonly keyPem: string }> {
  await open();
  await rm(at('server-identity.pem'));
  const issued = await issueServer({ caCertPem: await text('ca.pem'), caKeyPem: await text('ca.key'), names, now: begin, days: 90 });
  await writeFile(at('server.key'), issued.keyPem, { mode: 0o600 });
  await writeFile(at('server.pem'), issued.certPem);
  return issued;
}

test('what the first start made is what later ones use, in files that nobody else may read', async () => {
  const first = await open();
  expect(await open(begin + dayMs)).toEqual(first);
  expect((await readdir(dir)).toSorted()).toEqual(['ca.key', 'ca.pem', 'server-identity.pem']);
  for (const name of ['ca.key', 'server-identity.pem']) expect([name, (await stat(at(name))).mode & 0o777]).toEqual([name, 0o600]);
});

test('the certificate is issued anew, by the same CA, when less than 30 days of its 90 are left', async () => {
  const first = await open();
  const ca = await text('ca.pem');
  expect(first.expiresAt).toBe(begin + 90 * dayMs);
  expect(await open(begin + 60 * dayMs - 1)).toEqual(first);
  const second = await open(begin + 60 * dayMs);
  expect(second.expiresAt).toBe(begin + 150 * dayMs);
  expect(await text('ca.pem')).toBe(ca);
  expect(new X509Certificate(second.tls.certPem).verify(new X509Certificate(ca).publicKey)).toBe(true);
});

test('another name is in the certificate at once', async () => {
  await open();
  const { tls } = await open(begin, [...names, 'broker.internal']);
  expect(new X509Certificate(tls.certPem).checkHost('broker.internal')).toBe('broker.internal');
});

test('two files that an older version left become one, with the same certificate', async () => {
  const { certPem } = await leaveTwoFiles();
  expect(new X509Certificate((await open()).tls.certPem).fingerprint256).toBe(new X509Certificate(certPem).fingerprint256);
  expect((await readdir(dir)).toSorted()).toEqual(['ca.key', 'ca.pem', 'server-identity.pem']);
});

test('a crash of an older version between the key and its certificate keeps no broker from starting', async () => {
  const { keyPem: otherKey } = await leaveTwoFiles();
  await leaveTwoFiles();
  await writeFile(at('server.key'), otherKey);
  expect((await open()).expiresAt).toBe(begin + 90 * dayMs);

  await leaveTwoFiles();
  await rm(at('server.pem'));
  expect((await open()).expiresAt).toBe(begin + 90 * dayMs);
});

test.each(['server-identity.pem', 'ca.key'])(
  '%s that others may read, or that is damaged, is an error, and stays as it is',
  async (name) => {
    await open();
    await chmod(at(name), 0o644);
    await expect(open()).rejects.toMatchObject({ code: 'invalid_argument', message: expect.stringContaining('chmod 600') });
    await chmod(at(name), 0o600);
    const damaged = (await text(name)).slice(0, 150);
    await writeFile(at(name), damaged);
    await expect(open()).rejects.toMatchObject({ code: 'invalid_argument', message: expect.stringContaining(at(name)) });
    expect(await text(name)).toBe(damaged);
  },
);
