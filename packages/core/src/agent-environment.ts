import type { EnvironmentVariable } from './environment.ts';

/** Where an agent finds its sidecar, and what it has to trust. */
export interface AgentSurroundings {
  /** http://127.0.0.1:PORT */
  readonly proxyUrl: string;
  /** Undefined where the agent's TLS is not ended by the sidecar. */
  readonly trust: AgentTrust | undefined;
}

export interface AgentTrust {
  /** The sidecar's CA alone, for clients that add it to what they trust. */
  readonly certificateFile: string;
  /** The system's and the sidecar's together, for clients that trust one file in place of the system's. */
  readonly bundleFile: string;
  /** The same for Java, which reads no PEM: a key store of type JKS. */
  readonly javaTrustStoreFile?: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

const loopback = ['127.0.0.1', 'localhost', '::1'];
const proxyPairs = [
  ['HTTP_PROXY', 'http_proxy'],
  ['HTTPS_PROXY', 'https_proxy'],
] as const;
/** Each of them replaces what a client trusts. */
const bundleVariables = [
  'SSL_CERT_FILE',
  'REQUESTS_CA_BUNDLE',
  'CURL_CA_BUNDLE',
  'GIT_SSL_CAINFO',
  'AWS_CA_BUNDLE',
  'PIP_CERT',
  'CARGO_HTTP_CAINFO',
  'GRPC_DEFAULT_SSL_ROOTS_FILE_PATH',
];
/** Each of them adds to what a client trusts. */
const certificateVariables = ['NODE_EXTRA_CA_CERTS', 'DENO_CERT'];

/** Every variable that names a file of certificates. */
export const trustVariables: readonly string[] = [...bundleVariables, ...certificateVariables];

/** The block that leads an agent's clients through its sidecar: `run` sets it, and so does whatever starts agents elsewhere. */
export function agentEnvironment({ proxyUrl, trust }: AgentSurroundings): Readonly<Record<string, string>> {
  // Both letter cases: curl, git and wget read the lower, most others the upper (CVE-2016-5385 is why).
  const proxies = proxyPairs.flat().map((name) => [name, proxyUrl]);
  const exceptions = ['NO_PROXY', 'no_proxy'].map((name) => [name, loopback.join(',')]);
  const bundles = trust === undefined ? [] : bundleVariables.map((name) => [name, trust.bundleFile]);
  const certificates = trust === undefined ? [] : certificateVariables.map((name) => [name, trust.certificateFile]);
  return {
    ...Object.fromEntries([...proxies, ...exceptions, ...bundles, ...certificates]),
    NODE_USE_ENV_PROXY: '1',
    JAVA_TOOL_OPTIONS: javaOptions(proxyUrl, trust?.javaTrustStoreFile),
    // A prompt for a password would hang an agent; and there is nothing at that address that it may have.
    GIT_TERMINAL_PROMPT: '0',
    AWS_EC2_METADATA_DISABLED: 'true',
  };
}

/** The password of a trust store is no secret: it is what keytool and every JDK use for one. */
export const javaTrustStorePassword = 'changeit';

function javaOptions(proxyUrl: string, trustStore: string | undefined): string {
  const { hostname, port } = new URL(proxyUrl);
  const properties = ['http', 'https'].flatMap((scheme) => [`${scheme}.proxyHost=${hostname}`, `${scheme}.proxyPort=${port}`]);
  const trusted = ['javax.net.ssl.trustStoreType=JKS', `javax.net.ssl.trustStorePassword=${javaTrustStorePassword}`];
  // A path with a space in it would be taken for two options.
  const isUsable = trustStore !== undefined && !/\s/.test(trustStore);
  return [
    ...properties,
    'http.nonProxyHosts=localhost|127.*|[::1]',
    ...(isUsable ? [`javax.net.ssl.trustStore=${trustStore}`, ...trusted] : []),
  ]
    .map((property) => `-D${property}`)
    .join(' ');
}

export interface MergedEnvironment {
  readonly environment: Readonly<Record<string, string>>;
  /** Variables that were left as they were found, although ours say something else. */
  readonly kept: readonly string[];
}

/**
 * What an agent starts with: what was given, without anything of Leasehold's own (an operator's token file must not be known to an agent), the
 * block, and the variables of its credentials, which can't change the block. What was given stays, and is named; lists are added to.
 */
export function mergeEnvironment(
  given: Environment,
  block: Readonly<Record<string, string>>,
  variables: readonly EnvironmentVariable[],
): MergedEnvironment {
  const environment: Record<string, string> = {};
  for (const [name, value] of Object.entries(given)) if (value !== undefined && !name.startsWith('LEASEHOLD_')) environment[name] = value;
  const kept: string[] = [];
  const ours = new Map([...variables.map((each): [string, string] => [each.name, each.value]), ...Object.entries(block)]);
  for (const [name, value] of ours) {
    const before = environment[name] ?? '';
    const joined = joins[name]?.(value, given);
    if (joined !== undefined) environment[name] = joined;
    else if (before !== '' && before !== value) kept.push(name);
    // One of a pair that was given speaks for both: clients differ in which they read.
    else if (!isPairGiven(name, given)) environment[name] = value;
  }
  return { environment, kept };
}

function isPairGiven(name: string, given: Environment): boolean {
  const pair = proxyPairs.find((names) => names.some((each) => each === name));
  return pair?.some((each) => (given[each] ?? '') !== '') === true;
}

/** Variables in which what was given and ours stand side by side. */
const joins: Readonly<Record<string, (ours: string, given: Environment) => string>> = {
  NO_PROXY: joinExceptions,
  no_proxy: joinExceptions,
  // The later one of two options wins.
  JAVA_TOOL_OPTIONS: (ours, { JAVA_TOOL_OPTIONS: theirs = '' }) => (theirs === '' ? ours : `${ours} ${theirs}`),
};

function joinExceptions(ours: string, { NO_PROXY = '', no_proxy = '' }: Environment): string {
  const hosts = [NO_PROXY, no_proxy, ours].flatMap((list) => list.split(',')).map((host) => host.trim());
  return [...new Set(hosts.filter((host) => host !== ''))].join(',');
}
