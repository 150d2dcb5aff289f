export interface AgentSurroundings {
  readonly proxyUrl: string;
  /** The system's roots and the sidecar's CA, when it has one. */
  readonly bundleFile?: string;
  readonly caFile?: string;
}

/** The block of docs/cli.md, and nothing else that speaks of Leasehold. */
export function agentEnvironment({ proxyUrl, bundleFile, caFile }: AgentSurroundings): Readonly<Record<string, string>> {
  const none = '127.0.0.1,localhost,::1';
  const { hostname, port } = new URL(proxyUrl);
  return {
    HTTP_PROXY: proxyUrl,
    HTTPS_PROXY: proxyUrl,
    http_proxy: proxyUrl,
    https_proxy: proxyUrl,
    NO_PROXY: none,
    no_proxy: none,
    NODE_USE_ENV_PROXY: '1',
    GIT_TERMINAL_PROMPT: '0',
    AWS_EC2_METADATA_DISABLED: 'true',
    JAVA_TOOL_OPTIONS: `-Dhttp.proxyHost=${hostname} -Dhttp.proxyPort=${port} -Dhttps.proxyHost=${hostname} -Dhttps.proxyPort=${port}`,
    ...(caFile !== undefined && { NODE_EXTRA_CA_CERTS: caFile, DENO_CERT: caFile }),
    ...(bundleFile !== undefined &&
      Object.fromEntries(
        ['SSL_CERT_FILE', 'REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE', 'GIT_SSL_CAINFO', 'AWS_CA_BUNDLE', 'PIP_CERT', 'CARGO_HTTP_CAINFO'].map(
          (name) => [name, bundleFile],
        ),
      )),
  };
}
