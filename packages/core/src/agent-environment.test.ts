import { describe, expect, test } from 'vitest';
import { agentEnvironment, mergeEnvironment } from './agent-environment.ts';

const proxyUrl = 'http://127.0.0.1:7480';
const trust = { certificateFile: '/ca/ca.pem', bundleFile: '/ca/bundle.pem', javaTrustStoreFile: '/ca/trust.jks' };
const block = agentEnvironment({ proxyUrl, trust });

describe('the block of an agent', () => {
  test('leads every client to the sidecar, in both letter cases, and never to itself by way of the proxy', () => {
    for (const name of ['HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy']) expect([name, block[name]]).toEqual([name, proxyUrl]);
    for (const name of ['NO_PROXY', 'no_proxy']) expect([name, block[name]]).toEqual([name, '127.0.0.1,localhost,::1']);
    expect(block).toMatchObject({ NODE_USE_ENV_PROXY: '1', GIT_TERMINAL_PROMPT: '0', AWS_EC2_METADATA_DISABLED: 'true' });
  });

  test('names the bundle where a client trusts one file alone, and the CA where it adds one', () => {
    const replacing = ['SSL_CERT_FILE', 'REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE', 'GIT_SSL_CAINFO', 'AWS_CA_BUNDLE', 'PIP_CERT'];
    for (const name of [...replacing, 'CARGO_HTTP_CAINFO', 'GRPC_DEFAULT_SSL_ROOTS_FILE_PATH'])
      expect([name, block[name]]).toEqual([name, '/ca/bundle.pem']);
    for (const name of ['NODE_EXTRA_CA_CERTS', 'DENO_CERT']) expect([name, block[name]]).toEqual([name, '/ca/ca.pem']);
  });

  test('says nothing of trust where TLS is not ended on the way', () => {
    expect(Object.values(agentEnvironment({ proxyUrl, trust: undefined })).join(' ')).not.toMatch(/pem|trustStore/);
  });

  test('tells Java where the proxy is, and a trust store whose path it can read', () => {
    expect(block.JAVA_TOOL_OPTIONS?.split(' ')).toEqual([
      '-Dhttp.proxyHost=127.0.0.1',
      '-Dhttp.proxyPort=7480',
      '-Dhttps.proxyHost=127.0.0.1',
      '-Dhttps.proxyPort=7480',
      '-Dhttp.nonProxyHosts=localhost|127.*|[::1]',
      '-Djavax.net.ssl.trustStore=/ca/trust.jks',
      '-Djavax.net.ssl.trustStoreType=JKS',
      '-Djavax.net.ssl.trustStorePassword=changeit',
    ]);
    const spaced = agentEnvironment({ proxyUrl, trust: { ...trust, javaTrustStoreFile: '/my ca/trust.jks' } });
    expect(spaced.JAVA_TOOL_OPTIONS).not.toContain('trustStore');
  });
});

describe('together with what was there', () => {
  const key = { name: 'OPENAI_API_KEY', value: 'sk-placeholder' };

  test('nothing of Leasehold’s own goes on to the agent', () => {
    const given = { PATH: '/bin', LEASEHOLD_TOKEN_FILE: '/operator.token', LEASEHOLD_DIR: '/d', LEASEHOLD_ANYTHING: 'x' };
    const { environment, kept } = mergeEnvironment(given, block, [key]);
    expect(Object.keys(environment).filter((name) => name.startsWith('LEASEHOLD_'))).toEqual([]);
    expect(environment).toMatchObject({ PATH: '/bin', HTTP_PROXY: proxyUrl, OPENAI_API_KEY: 'sk-placeholder' });
    expect(kept).toEqual([]);
  });

  test('what was given stays, and is named', () => {
    const given = { OPENAI_API_KEY: 'sk-of-the-user', SSL_CERT_FILE: '/theirs.pem', GIT_TERMINAL_PROMPT: '' };
    const { environment, kept } = mergeEnvironment(given, block, [key]);
    expect(environment).toMatchObject({ ...given, GIT_TERMINAL_PROMPT: '0', CURL_CA_BUNDLE: '/ca/bundle.pem' });
    expect(kept.toSorted()).toEqual(['OPENAI_API_KEY', 'SSL_CERT_FILE']);
  });

  test('one of two letter cases that was given speaks for both', () => {
    const { environment, kept } = mergeEnvironment({ https_proxy: 'http://corp:3128' }, block, []);
    expect(environment).toMatchObject({ https_proxy: 'http://corp:3128', HTTP_PROXY: proxyUrl, http_proxy: proxyUrl });
    expect(environment.HTTPS_PROXY).toBeUndefined();
    expect(kept).toEqual(['https_proxy']);
  });

  test('exceptions and Java’s options are added to; of Java’s, those that were given win', () => {
    const given = { NO_PROXY: 'corp.example, localhost', JAVA_TOOL_OPTIONS: '-Xmx1g' };
    const { environment, kept } = mergeEnvironment(given, block, []);
    expect([environment.NO_PROXY, environment.no_proxy]).toEqual(Array(2).fill('corp.example,localhost,127.0.0.1,::1'));
    expect(environment.JAVA_TOOL_OPTIONS).toMatch(/^-Dhttp.* -Xmx1g$/);
    expect(kept).toEqual([]);
  });

  test('a credential’s variable can not lead clients elsewhere: the block goes first', () => {
    const { environment, kept } = mergeEnvironment({}, block, [{ name: 'SSL_CERT_FILE', value: '/evil.pem' }]);
    expect([environment.SSL_CERT_FILE, kept]).toEqual(['/ca/bundle.pem', []]);
  });
});
