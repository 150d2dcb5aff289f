import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  cryptoProvider,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';

cryptoProvider.set(webcrypto);

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const dayMs = 86_400_000;

export interface Identity {
  readonly certPem: string;
  readonly keyPem: string;
}

export interface TestCa {
  readonly caPem: string;
  /** A server certificate for these DNS names and IP addresses. `daysLeft` below zero makes an expired one. */
  issue(names: readonly string[], options?: { readonly daysLeft?: number }): Promise<Identity>;
  /** A client certificate whose subject's alternative names are these URIs. */
  issueClient(uris: readonly string[], options?: { readonly daysLeft?: number }): Promise<Identity>;
}

/** A certificate authority that lives in memory, for upstreams of tests. */
export async function createTestCa(name = 'Test CA'): Promise<TestCa> {
  const caKeys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const ca = await X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys: caKeys,
    signingAlgorithm: algorithm,
    notBefore: new Date(Date.now() - dayMs),
    notAfter: new Date(Date.now() + dayMs),
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ],
  });
  const issue = async (names: readonly { readonly type: 'dns' | 'ip' | 'url'; readonly value: string }[], daysLeft: number) => {
    const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
    const certificate = await X509CertificateGenerator.create({
      subject: 'CN=issued by a test',
      issuer: ca.subject,
      publicKey: keys.publicKey,
      signingKey: caKeys.privateKey,
      signingAlgorithm: algorithm,
      notBefore: new Date(Date.now() - 10 * dayMs),
      notAfter: new Date(Date.now() + daysLeft * dayMs),
      extensions: [new SubjectAlternativeNameExtension([...names])],
    });
    const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
    return { certPem: certificate.toString('pem'), keyPem: PemConverter.encode(pkcs8, 'PRIVATE KEY') };
  };
  return {
    caPem: ca.toString('pem'),
    issue: (names, { daysLeft = 1 } = {}) =>
      issue(
        names.map((value) => ({ type: /^[\d.]+$|:/.test(value) ? 'ip' : 'dns', value })),
        daysLeft,
      ),
    issueClient: (uris, { daysLeft = 1 } = {}) =>
      issue(
        uris.map((value) => ({ type: 'url', value })),
        daysLeft,
      ),
  };
}
