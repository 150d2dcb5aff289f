import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIpLiteral, parseIp } from '@leasehold/core';
import { der } from './der.ts';

export interface CertificateAsk {
  readonly issuerName: string;
  readonly issuerKeys: SigningKeys;
  readonly subjectName: string;
  readonly subjectKeys: SigningKeys;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** What a leaf is for: a name or an IP address, canonical. Undefined makes a CA that signs leaves only. */
  readonly host: string | undefined;
}

export interface SigningKeys {
  readonly privateKey: KeyObject;
  /** DER of the public key (SubjectPublicKeyInfo). */
  readonly spki: Buffer;
  readonly keyId: Buffer;
}

/** Fresh ECDSA keys on P-256, with what certificates say of them. */
export function generateSigningKeys(): SigningKeys {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  // RFC 7093 section 2, method 4.
  return { privateKey, spki, keyId: createHash('sha256').update(spki).digest().subarray(0, 20) };
}

/** An X.509 v3 certificate (RFC 5280), signed with ECDSA and SHA-256, as PEM. */
export function signCertificate(ask: CertificateAsk): string {
  const algorithm = der.sequence(der.oid('1.2.840.10045.4.3.2'));
  const body = der.sequence(
    der.explicit(0, der.integer(Buffer.of(2))),
    der.integer(randomBytes(16)),
    algorithm,
    nameOf(ask.issuerName),
    der.sequence(der.time(ask.notBeforeMs), der.time(ask.notAfterMs)),
    nameOf(ask.subjectName),
    ask.subjectKeys.spki,
    der.explicit(3, der.sequence(...extensionsOf(ask))),
  );
  const signature = sign('sha256', body, { key: ask.issuerKeys.privateKey, dsaEncoding: 'der' });
  const certificate = der.sequence(body, algorithm, der.bitString(signature));
  return `-----BEGIN CERTIFICATE-----\n${certificate.toString('base64').replace(/.{64}/g, '$&\n').trimEnd()}\n-----END CERTIFICATE-----\n`;
}

function extensionsOf({ issuerKeys, subjectKeys, host }: CertificateAsk): readonly Buffer[] {
  const issuerId = extension('2.5.29.35', der.sequence(der.implicit(0, issuerKeys.keyId)));
  const subjectId = extension('2.5.29.14', der.octetString(subjectKeys.keyId));
  if (host === undefined)
    return [
      // A CA, and none below it.
      critical('2.5.29.19', der.sequence(der.boolean(true), der.integer(Buffer.of(0)))),
      // keyCertSign, cRLSign
      critical('2.5.29.15', der.bitString(Buffer.of(0b0000_0110), 1)),
      subjectId,
    ];
  return [
    critical('2.5.29.19', der.sequence()),
    // digitalSignature
    critical('2.5.29.15', der.bitString(Buffer.of(0b1000_0000), 7)),
    // serverAuth
    extension('2.5.29.37', der.sequence(der.oid('1.3.6.1.5.5.7.3.1'))),
    extension('2.5.29.17', der.sequence(altNameOf(host))),
    issuerId,
    subjectId,
  ];
}

function altNameOf(host: string): Buffer {
  const address = isIpLiteral(host) ? parseIp(host) : undefined;
  return address === undefined ? der.implicit(2, Buffer.from(host)) : der.implicit(7, Buffer.from(address));
}

function extension(oid: string, value: Buffer): Buffer {
  return der.sequence(der.oid(oid), der.octetString(value));
}

function critical(oid: string, value: Buffer): Buffer {
  return der.sequence(der.oid(oid), der.boolean(true), der.octetString(value));
}

function nameOf(commonName: string): Buffer {
  return der.sequence(der.set(der.sequence(der.oid('2.5.4.3'), der.utf8(commonName))));
}
