import 'reflect-metadata';
import { X509Certificate } from 'node:crypto';
import { X509Certificate as PeculiarCertificate } from '@peculiar/x509';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { authorityLifeMs, authorityOverlapMs, createLeafIssuer } from './leaf-issuer.ts';

const dayMs = 86_400_000;
const start = Date.UTC(2026, 0, 1);

function createRig() {
  const rig = { at: start, told: [] as (readonly string[])[], newest: () => rig.told.at(-1) ?? [] };
  const issuer = createLeafIssuer({ now: () => rig.at, onAuthorities: (certsPem) => rig.told.push(certsPem) });
  return { ...rig, rig, issuer };
}

const parsed = (pem: string) => new X509Certificate(pem);

describe('a leaf is for one host, signed by the CA that agents were told', () => {
  test('by name', () => {
    const { rig, issuer } = createRig();
    const leaf = parsed(issuer.issue('api.example.com').certPem);
    const ca = parsed(rig.newest()[0] ?? '');
    expect([leaf.checkIssued(ca), leaf.verify(ca.publicKey), leaf.ca, ca.ca]).toEqual([true, true, false, true]);
    expect(leaf.checkHost('api.example.com')).toBe('api.example.com');
    expect(leaf.checkHost('other.example.com')).toBeUndefined();
    expect(leaf.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
  });

  test.each(['127.0.0.1', '10.1.2.3', 'fd00::1', '2001:db8:1:2:3:4:5:6'])('by address: %s', (address) => {
    const { issuer } = createRig();
    const leaf = parsed(issuer.issue(address).certPem);
    expect(leaf.checkIP(address)).toBe(address);
    expect(leaf.subjectAltName).toMatch(/^IP Address:/);
  });

  test('whatever the name and the time, another parser reads what was written', () => {
    const label = fc.stringMatching(/^[a-z]([a-z0-9-]{0,60}[a-z0-9])?$/);
    const hosts = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'));
    const times = fc.integer({ min: Date.UTC(2000, 0, 1), max: Date.UTC(2080, 0, 1) });
    fc.assert(
      fc.property(hosts, times, (host, at) => {
        const issuer = createLeafIssuer({ now: () => at, onAuthorities: () => undefined });
        const { certPem } = issuer.issue(host);
        const foreign = new PeculiarCertificate(certPem);
        const seconds = (ms: number) => Math.floor(ms / 1_000);
        expect(seconds(foreign.notAfter.getTime())).toBe(seconds(at + dayMs));
        expect(seconds(foreign.notBefore.getTime())).toBe(seconds(at - 3_600_000));
        expect(parsed(certPem).subjectAltName).toBe(`DNS:${host}`);
        expect(foreign.serialNumber).toMatch(/^[0-9a-f]{20,40}$/);
      }),
      { numRuns: 100 },
    );
  });
});

describe('THREATS 37: keys are of this process, short-lived, and never told', () => {
  test('two issuers share no key and no name', () => {
    const [one, other] = [createRig(), createRig()];
    const [first, second] = [parsed(one.rig.newest()[0] ?? ''), parsed(other.rig.newest()[0] ?? '')];
    expect(first.subject).not.toBe(second.subject);
    expect(first.publicKey.equals(second.publicKey)).toBe(false);
    expect(one.issuer.issue('a.example').keyPem).not.toBe(other.issuer.issue('a.example').keyPem);
  });

  test('what agents are told is ECDSA certificates, and no key', () => {
    const { rig } = createRig();
    expect(rig.newest().join('')).not.toContain('PRIVATE');
    expect(parsed(rig.newest()[0] ?? '').publicKey.asymmetricKeyDetails).toMatchObject({ namedCurve: 'prime256v1' });
  });

  test('a leaf lives a day, and is renewed at its half', () => {
    const { issuer } = createRig();
    const { certPem, renewAtMs } = issuer.issue('a.example');
    expect([parsed(certPem).validToDate.getTime(), renewAtMs]).toEqual([start + dayMs, start + dayMs / 2]);
  });
});

describe('a CA that comes to its end is followed by another, and agents have weeks to learn it', () => {
  const signedBy = (leafPem: string, caPem: string | undefined) => parsed(leafPem).verify(parsed(caPem ?? '').publicKey);

  test('first the next one is told beside the old one, which still signs; then the next one signs', () => {
    const { rig, issuer } = createRig();
    const [old] = rig.newest();
    rig.at = start + authorityLifeMs - authorityOverlapMs - 1;
    issuer.issue('a.example');
    expect(rig.told).toHaveLength(1);
    rig.at += 1;
    expect(signedBy(issuer.issue('a.example').certPem, old)).toBe(true);
    expect(rig.newest()).toEqual([old, expect.any(String)]);
    rig.at = start + authorityLifeMs - dayMs - 1;
    expect(signedBy(issuer.issue('a.example').certPem, old)).toBe(true);
    rig.at += 1;
    expect(signedBy(issuer.issue('a.example').certPem, rig.newest()[1])).toBe(true);
    expect(rig.told).toHaveLength(2);
  });

  test('no leaf outlives its CA', () => {
    const { rig, issuer } = createRig();
    for (let day = 0; day < 400; day += 1) {
      rig.at = start + day * dayMs;
      const leaf = parsed(issuer.issue('a.example').certPem);
      const ca = rig
        .newest()
        .map(parsed)
        .find(({ publicKey }) => leaf.verify(publicKey));
      expect(ca?.validToDate.getTime()).toBeGreaterThanOrEqual(leaf.validToDate.getTime());
    }
  });
});
