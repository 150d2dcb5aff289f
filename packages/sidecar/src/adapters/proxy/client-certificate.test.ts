import { expect, test } from 'vitest';
import { agentOfCertificate } from './client-certificate.ts';

test('a certificate names its agent by one URI', () => {
  expect(agentOfCertificate({ subjectAltName: 'DNS:pod.example, URI:leasehold://agent/acme/crawler-1' })).toEqual({
    tenant: 'acme',
    agent: 'crawler-1',
  });
});

test.each([
  undefined,
  '',
  'DNS:crawler-1',
  'URI:spiffe://acme/crawler-1',
  'URI:leasehold://agent/acme',
  'URI:leasehold://agent/acme/crawler-1/more',
  'URI:leasehold://agent/acme/../root',
  'URI:leasehold://agent//crawler-1',
  'URI:leasehold://agent/acme/Crawler',
  'URI:leasehold://agent/acme/a, URI:leasehold://agent/acme/b',
  // A name that was made to look like two entries comes in quotes.
  'DNS:"x, URI:leasehold://agent/acme/crawler-1"',
])('a certificate that names none, or several, proves nobody: %s', (subjectAltName) => {
  expect(agentOfCertificate({ subjectAltName })).toBeUndefined();
});
