import { mkdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { rootCertificates } from 'node:tls';
import { AppError } from '@leasehold/core';
import { replaceFile } from '@leasehold/runtime';

export interface TrustFiles {
  /** Our CA alone, for clients that add it to what they trust (`NODE_EXTRA_CA_CERTS`). */
  readonly caFile: string;
  /** With all that this system trusts, for clients whose setting replaces what they trust (`SSL_CERT_FILE`). */
  readonly bundleFile: string;
}

/** Where the files of `writeTrustFiles` are. */
export function trustFilesIn(dir: string): TrustFiles {
  return { caFile: join(resolve(dir), 'ca.pem'), bundleFile: join(resolve(dir), 'bundle.pem') };
}

/** Writes certificates for agents to read, never a key (THREATS 37). Throws AppError `invalid_argument` when the directory can't be written. */
export async function writeTrustFiles(dir: string, certsPem: readonly string[]): Promise<void> {
  const { caFile, bundleFile } = trustFilesIn(dir);
  const ours = certsPem.join('');
  try {
    await mkdir(dir, { recursive: true, mode: 0o755 });
    await replaceFile(caFile, ours, 0o644);
    await replaceFile(bundleFile, `${await systemRoots()}\n${ours}`, 0o644);
  } catch (cause) {
    throw new AppError('invalid_argument', `--ca-dir ${dir} can't be written. Give a directory that this user may write to.`, { cause });
  }
}

/** Where Debian, Red Hat, Alpine and macOS keep what they trust: reading the file takes a hundredth of the time that Node's own parsing does. */
const systemFiles = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

/** What this machine trusts; in an image without a store of its own, what Node brings. */
async function systemRoots(): Promise<string> {
  for (const path of systemFiles) {
    const pem = await readFile(path, 'utf8').catch(() => '');
    if (pem.includes('-----BEGIN CERTIFICATE-----')) return pem;
  }
  return rootCertificates.join('\n');
}
