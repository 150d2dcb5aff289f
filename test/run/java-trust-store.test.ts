import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { javaTrustStore } from '../../packages/cli/src/run/java-trust-store.ts';
import { noteNotRun } from '../harness/not-run.ts';

const bundle = rootCertificates.slice(0, 5).join('\n');

test('holds each certificate of the bundle, as its own bytes', () => {
  const store = javaTrustStore(bundle);
  expect(store.subarray(0, 12)).toEqual(Buffer.from('feedfeed0000000200000005', 'hex'));
  for (const pem of rootCertificates.slice(0, 5)) {
    const der = Buffer.from(pem.replaceAll(/-----[A-Z ]+-----|\s/g, ''), 'base64');
    expect(store.includes(der)).toBe(true);
  }
});

test('is read by Java, which checks its digest', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'leasehold-jks-'));
  const file = join(dir, 'trust.jks');
  try {
    await writeFile(file, javaTrustStore(bundle));
    const { stdout } = await promisify(execFile)('keytool', ['-list', '-keystore', file, '-storetype', 'JKS', '-storepass', 'changeit']);
    expect(stdout.match(/trustedCertEntry/g)).toHaveLength(5);
  } catch (thrown) {
    if (!(thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT')) throw thrown;
    noteNotRun({ what: 'Java reads our trust store', reason: 'there is no keytool: install a JDK (Debian: default-jdk-headless)' });
  } finally {
    await rm(dir, { recursive: true });
  }
});
