import { createPrivateKey, X509Certificate } from 'node:crypto';
import { access, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '@leasehold/core';
import { readPrivateFile, replaceFile } from '@leasehold/runtime';
import type { TlsPair } from '../../connections/handshake-queue.ts';
import { issueServer, makeCa } from './issue.ts';

export interface TlsIdentity {
  readonly tls: TlsPair;
  /** The certificate that clients trust. */
  readonly caFile: string;
  /** When the server's certificate ends, ms since the epoch. */
  readonly expiresAt: number;
}

const serverDays = 90;
const renewBelowDays = 30;
const dayMs = 86_400_000;

/**
 * The broker's own CA and server certificate in `dir`. Both are made at the first start; the server certificate is issued anew when it nears its
 * end or its names changed, so whoever runs for long calls this now and then. Any file that is there but can't be read, is loose or doesn't fit
 * is an error: nothing is ever regenerated over it.
 */
export async function openBrokerIdentity(dir: string, names: readonly string[], now: number): Promise<TlsIdentity> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const files = filesIn(dir);
  const there = await Promise.all([exists(files.ca), exists(files.caKey)]);
  if (there.every((each) => !each)) await saveNewCa(files, now);
  const ca = await readPair(files.ca, files.caKey);
  const current = (await exists(files.server)) ? await readServer(files.server) : await readOldServer(files);
  const isGood = current !== undefined && serves(current.certificate, ca.certificate, names, now);
  const server = isGood ? current : await issueServer({ caCertPem: ca.certPem, caKeyPem: ca.keyPem, names, now, days: serverDays });
  if (server !== current || !(await exists(files.server))) await saveServer(files.server, server);
  await Promise.all([rm(files.oldCert, { force: true }), rm(files.oldKey, { force: true })]);
  return toIdentity(await readServer(files.server), files.ca);
}

/** A certificate that the operator brings. */
export async function readGivenIdentity(files: { readonly cert: string; readonly key: string; readonly ca: string }): Promise<TlsIdentity> {
  return toIdentity(await readPair(files.cert, files.key), files.ca);
}

type Files = ReturnType<typeof filesIn>;

/** Key and certificate of the server are one file: two can't be replaced at once, and a crash between them left some that didn't fit. */
function filesIn(dir: string) {
  return {
    ca: join(dir, 'ca.pem'),
    caKey: join(dir, 'ca.key'),
    server: join(dir, 'server-identity.pem'),
    oldCert: join(dir, 'server.pem'),
    oldKey: join(dir, 'server.key'),
  };
}

function toIdentity({ certPem, keyPem, certificate }: Pair, caFile: string): TlsIdentity {
  return { tls: { certPem, keyPem }, caFile, expiresAt: Date.parse(certificate.validTo) };
}

async function saveServer(path: string, { certPem, keyPem }: TlsPair): Promise<void> {
  await replaceFile(path, `${keyPem.trimEnd()}\n${certPem.trimEnd()}\n`, 0o600);
}

async function saveNewCa(files: Files, now: number): Promise<void> {
  const made = await makeCa(now);
  await replaceFile(files.caKey, made.keyPem, 0o600);
  await replaceFile(files.ca, made.certPem, 0o644);
}

interface Pair extends TlsPair {
  readonly certificate: X509Certificate;
}

async function readServer(path: string): Promise<Pair> {
  const text = (await readPrivateFile(path)).toString();
  const from = text.indexOf('-----BEGIN CERTIFICATE-----');
  const read = toPair(text.slice(from), text.slice(0, Math.max(from, 0)));
  if (read.kind === 'pair') return read.value;
  throw new AppError('invalid_argument', `${path} is no key with its certificate. Remove it: another one is made from the CA beside it.`, {
    cause: read.kind === 'unreadable' ? read.cause : undefined,
  });
}

/** What a version left that kept two files; undefined when there is nothing, or a crash came between the key and its certificate. */
async function readOldServer({ oldCert, oldKey }: Files): Promise<Pair | undefined> {
  if (!(await exists(oldCert))) return undefined;
  const read = await readFiles(oldCert, oldKey);
  return read.kind === 'strangers' ? undefined : checked(read, oldCert, oldKey);
}

async function readPair(certFile: string, keyFile: string): Promise<Pair> {
  return checked(await readFiles(certFile, keyFile), certFile, keyFile);
}

function checked(read: Read, certFile: string, keyFile: string): Pair {
  switch (read.kind) {
    case 'pair':
      return read.value;
    case 'strangers':
      throw new AppError('invalid_argument', `${keyFile} is not the key of ${certFile}. Restore the two files that belong together.`);
    case 'unreadable':
      throw new AppError('invalid_argument', `${certFile} or ${keyFile} is no valid PEM. Restore both from a backup.`, {
        cause: read.cause,
      });
  }
}

async function readFiles(certFile: string, keyFile: string): Promise<Read> {
  const certPem = await readFile(certFile, 'utf8').catch((cause: unknown) => {
    throw new AppError(
      'invalid_argument',
      `${certFile} can't be read. Restore it beside ${keyFile}, or remove both to have them made anew.`,
      { cause },
    );
  });
  return toPair(certPem, (await readPrivateFile(keyFile)).toString());
}

type Read =
  | { readonly kind: 'pair'; readonly value: Pair }
  | { readonly kind: 'strangers' }
  | { readonly kind: 'unreadable'; readonly cause: unknown };

function toPair(certPem: string, keyPem: string): Read {
  try {
    const certificate = new X509Certificate(certPem);
    if (!certificate.checkPrivateKey(createPrivateKey(keyPem))) return { kind: 'strangers' };
    return { kind: 'pair', value: { certPem, keyPem, certificate } };
  } catch (cause) {
    return { kind: 'unreadable', cause };
  }
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
