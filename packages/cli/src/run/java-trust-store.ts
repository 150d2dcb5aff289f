import { createHash } from 'node:crypto';
import { javaTrustStorePassword } from '@leasehold/core';

/**
 * The certificates of a PEM bundle as a Java key store of type JKS, which every JDK reads (and no keytool is needed to write).
 * The layout is that of sun.security.provider.JavaKeyStore: big-endian numbers, texts behind their length, a keyed SHA-1 at the end.
 */
export function javaTrustStore(bundlePem: string): Buffer {
  const certificates = bundlePem.match(/(?<=-----BEGIN CERTIFICATE-----)[^-]+(?=-----END CERTIFICATE-----)/g) ?? [];
  const content = Buffer.concat([
    int32(0xfe_ed_fe_ed),
    int32(2),
    int32(certificates.length),
    ...certificates.map((base64, index) => trustedEntry(`leasehold-${index}`, Buffer.from(base64, 'base64'))),
  ]);
  // The password guards nothing: the digest tells a broken file from a whole one.
  const password = Buffer.from(javaTrustStorePassword, 'utf16le').swap16();
  return Buffer.concat([content, createHash('sha1').update(password).update('Mighty Aphrodite').update(content).digest()]);
}

const trustedCertificate = 2;

function trustedEntry(alias: string, der: Buffer): Buffer {
  const createdAt = Buffer.alloc(8);
  return Buffer.concat([int32(trustedCertificate), text(alias), createdAt, text('X.509'), int32(der.length), der]);
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** Plain ASCII is the same in Java's modified UTF-8. */
function text(value: string): Buffer {
  const bytes = Buffer.alloc(2 + value.length);
  bytes.writeUInt16BE(value.length);
  bytes.write(value, 2, 'ascii');
  return bytes;
}
