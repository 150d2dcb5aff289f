import { webcrypto } from 'node:crypto';

export interface Issued {
  readonly certPem: string;
  readonly keyPem: string;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const caYears = 10;
const dayMs = 86_400_000;
/** Clocks of clients may lag. */
const backdateMs = 3_600_000;

/** Loaded only when a certificate is made. The library wants its reflection polyfill first. */
async function x509() {
  await import('reflect-metadata');
  const library = await import('@peculiar/x509');
  library.cryptoProvider.set(webcrypto);
  return library;
}

export async function makeCa(now: number): Promise<Issued> {
  const { X509CertificateGenerator, BasicConstraintsExtension, KeyUsagesExtension, KeyUsageFlags } = await x509();
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=Leasehold broker CA',
    keys,
    signingAlgorithm: algorithm,
    notBefore: new Date(now - backdateMs),
    notAfter: new Date(now + caYears * 365 * dayMs),
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ],
  });
  return { certPem: certificate.toString('pem'), keyPem: await pkcs8(keys.privateKey) };
}

export interface ServerAsk {
  readonly caCertPem: string;
  readonly caKeyPem: string;
  /** DNS names and IP addresses. */
  readonly names: readonly string[];
  readonly now: number;
  readonly days: number;
}

export async function issueServer({ caCertPem, caKeyPem, names, now, days }: ServerAsk): Promise<Issued> {
  const {
    X509Certificate,
    X509CertificateGenerator,
    SubjectAlternativeNameExtension,
    ExtendedKeyUsageExtension,
    ExtendedKeyUsage,
    PemConverter,
  } = await x509();
  const ca = new X509Certificate(caCertPem);
  const signingKey = await webcrypto.subtle.importKey('pkcs8', PemConverter.decodeFirst(caKeyPem), algorithm, false, ['sign']);
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.create({
    subject: 'CN=leasehold-broker',
    issuer: ca.subject,
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: algorithm,
    notBefore: new Date(now - backdateMs),
    notAfter: new Date(now + days * dayMs),
    extensions: [
      new SubjectAlternativeNameExtension(
        names.map((value) => ({ type: value.includes(':') || /^[\d.]+$/.test(value) ? 'ip' : 'dns', value })),
      ),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
    ],
  });
  return { certPem: certificate.toString('pem'), keyPem: await pkcs8(keys.privateKey) };
}

async function pkcs8(key: webcrypto.CryptoKey): Promise<string> {
  const { PemConverter } = await x509();
  return PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
}
