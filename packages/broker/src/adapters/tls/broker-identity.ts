import { createPrivateKey, X509Certificate } from 'node:crypto';
import { access, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '@leasehold/core';
import { readPrivateFile } from '@leasehold/runtime';
import { issueServer, makeCa } from './issue.ts';
import { writeWhole } from './write-whole.ts';

export interface TlsIdentity {
  readonly certPem: Buffer;
  readonly keyPem: Buffer;
  /** The certificate that clients trust. */
  readonly caFile: string;
}

const serverDays = 90;
const renewBelowDays = 30;
const dayMs = 86_400_000;

/**
 * The broker's own CA and server certificate in `dir`. Both are made at the first start; the server certificate is issued anew when it
 * nears its end or its names changed. Any file that is there but can't be read, is loose or doesn't fit is an error: nothing is ever
 * regenerated over it.
 */
export async function openBrokerIdentity(dir: string, names: readonly string[], now: number): Promise<TlsIdentity> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const files = { ca: join(dir, 'ca.pem'), caKey: join(dir, 'ca.key'), cert: join(dir, 'server.pem'), key: join(dir, 'server.key') };
  const there = await Promise.all([exists(files.ca), exists(files.caKey)]);
  if (there.every((each) => !each)) await saveNewCa(files, now);
  const ca = await readPair(files.ca, files.caKey);
  const isIssued = (await exists(files.cert)) || (await exists(files.key));
  const current = isIssued ? await readPair(files.cert, files.key) : undefined;
  if (current === undefined || !serves(current.certificate, ca.certificate, names, now)) {
    const issued = await issueServer({ caCertPem: ca.certPem.toString(), caKeyPem: ca.keyPem.toString(), names, now, days: serverDays });
    await writeWhole(files.key, issued.keyPem, 0o600);
    await writeWhole(files.cert, issued.certPem, 0o644);
  }
  const { certPem, keyPem } = await readPair(files.cert, files.key);
  return { certPem, keyPem, caFile: files.ca };
}

/** A certificate that the operator brings. */
export async function readGivenIdentity(files: { readonly cert: string; readonly key: string; readonly ca: string }): Promise<TlsIdentity> {
  const { certPem, keyPem } = await readPair(files.cert, files.key);
  return { certPem, keyPem, caFile: files.ca };
}

async function saveNewCa(files: { readonly ca: string; readonly caKey: string }, now: number): Promise<void> {
  const made = await makeCa(now);
  await writeWhole(files.caKey, made.keyPem, 0o600);
  await writeWhole(files.ca, made.certPem, 0o644);
}

interface Pair {
  readonly certPem: Buffer;
  readonly keyPem: Buffer;
  readonly certificate: X509Certificate;
}

async function readPair(certFile: string, keyFile: string): Promise<Pair> {
  const certPem = await readFile(certFile).catch((cause: unknown) => {
    throw new AppError(
      'invalid_argument',
      `${certFile} can't be read. Restore it beside ${keyFile}, or remove both to have them made anew.`,
      { cause },
    );
  });
  const keyPem = await readPrivateFile(keyFile);
  try {
    const certificate = new X509Certificate(certPem);
    if (certificate.checkPrivateKey(createPrivateKey(keyPem))) return { certPem, keyPem, certificate };
  } catch (cause) {
    throw new AppError('invalid_argument', `${certFile} or ${keyFile} is no valid PEM. Restore both from a backup.`, { cause });
  }
  throw new AppError('invalid_argument', `${keyFile} is not the key of ${certFile}. Restore the two files that belong together.`);
}

function serves(server: X509Certificate, ca: X509Certificate, names: readonly string[], now: number): boolean {
  const lastsLong = Date.parse(server.validTo) - now > renewBelowDays * dayMs;
  return (
    lastsLong &&
    server.verify(ca.publicKey) &&
    names.every((name) => (isAddress(name) ? server.checkIP(name) : server.checkHost(name)) !== undefined)
  );
}

function isAddress(name: string): boolean {
  return name.includes(':') || /^[\d.]+$/.test(name);
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
