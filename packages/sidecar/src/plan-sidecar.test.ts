import { readSettings } from '@leasehold/runtime';
import { expect, test } from 'vitest';
import { planSidecar } from './plan-sidecar.ts';
import { sidecarSettings } from './settings.ts';

const broker = ['--broker', 'broker.example:7443', '--broker-ca-file', 'ca.pem'];
const token = ['--agent-token-file', 'token'];
const gateway = ['--mode', 'gateway', ...broker];
const tls = ['--proxy-tls-cert-file', 'cert.pem', '--proxy-tls-key-file', 'key.pem'];
const clientCertificates = ['--proxy-client-ca-file', 'clients.pem', '--agent-tokens-dir', 'tokens'];

const plan = (argv: readonly string[]) => planSidecar(readSettings(sidecarSettings, { argv, env: {}, envPrefix: 'LEASEHOLD_SIDECAR_' }));

test('a sidecar takes one token file, a gateway none', () => {
  expect(plan([...broker, ...token])).toEqual({
    mode: 'sidecar',
    broker: 'broker.example:7443',
    brokerCaFile: 'ca.pem',
    tokenFile: 'token',
  });
  expect(plan(gateway)).toMatchObject({ mode: 'gateway', tls: undefined, names: [] });
  expect(plan([...gateway, ...tls, ...clientCertificates, '--proxy-host', '0.0.0.0', '--proxy-name', 'Gateway.Example.'])).toMatchObject({
    tls: { certFile: 'cert.pem', keyFile: 'key.pem', clientCaFile: 'clients.pem' },
    names: ['gateway.example'],
  });
});

test.each<readonly [string, readonly string[], RegExp]>([
  ['a sidecar off loopback', [...broker, ...token, '--proxy-host', '0.0.0.0'], /not loopback/],
  ['a sidecar without a token', broker, /--agent-token-file is required/],
  ['a gateway off loopback without TLS', [...gateway, '--proxy-host', '0.0.0.0'], /must not cross a network in clear/],
  ['a gateway with a token of its own', [...gateway, ...token], /bring their own/],
  ['half of a TLS identity', [...gateway, '--proxy-tls-cert-file', 'c'], /belong together: give both/],
  ['client certificates without TLS', [...gateway, ...clientCertificates], /needs TLS/],
  ['client certificates without tokens', [...gateway, ...tls, '--proxy-client-ca-file', 'c'], /its token proves it to the broker/],
  ['tokens without client certificates', [...gateway, '--agent-tokens-dir', 'd'], /belong together/],
  ['one CA file for several processes', [...gateway, '--workers', '2', '--ca-dir', 'd'], /a CA of its own/],
  ['a name that is none', [...gateway, '--proxy-name', 'not a name'], /is no host name/],
])('%s is refused at start', (_, argv, problem) => {
  expect(() => plan(argv)).toThrow(problem);
});

test('every setting of a gateway is refused in sidecar mode, all at once', () => {
  const all = [
    ...tls,
    ...clientCertificates,
    ...['--proxy-name', 'x', '--max-agents', '5', '--agent-idle', '5m', '--max-in-flight-per-agent', '5', '--metrics-per-agent'],
  ];
  const names = all.filter((word) => word.startsWith('--'));
  const told = (() => {
    try {
      plan([...broker, ...token, ...all]);
    } catch (thrown) {
      return thrown instanceof Error ? thrown.message : '';
    }
    return '';
  })();
  expect(told.split('\n').toSorted()).toEqual(names.map((name) => `${name} belongs to --mode gateway.`).toSorted());
});
