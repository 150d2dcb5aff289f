import type { Settings } from '@leasehold/runtime';

/** Everything an operator can set. Secrets are files, never values. */
export const sidecarSettings = {
  mode: {
    kind: 'choice',
    about: 'Whom it serves: the one agent beside it, or any number of agents that prove who they are.',
    fallback: 'sidecar',
    choices: ['sidecar', 'gateway'],
  },
  broker: { kind: 'text', about: 'The broker’s gRPC address, host:port. Required.', fallback: undefined },
  'broker-ca-file': { kind: 'text', about: 'CA certificate (PEM) of the broker; no other is trusted. Required.', fallback: undefined },
  'broker-server-name': {
    kind: 'text',
    about: 'Name in the broker’s certificate, when --broker is an IP address.',
    fallback: 'leasehold-broker',
  },
  'agent-token-file': {
    kind: 'text',
    about: 'File (mode 0600) with the agent token; read anew for each session. Required in sidecar mode.',
    fallback: undefined,
  },
  'instance-name': { kind: 'text', about: 'What operators call this sidecar. Default: the host name.', fallback: undefined },
  'proxy-host': { kind: 'text', about: 'Address for agents; loopback only, but for a gateway with TLS.', fallback: '127.0.0.1' },
  'proxy-port': { kind: 'port', about: 'Port for agents; 0 means any free one.', fallback: 7480 },
  'ca-dir': {
    kind: 'text',
    about: 'Directory for ca.pem (our CA) and bundle.pem (with what this system trusts) for agents that use https:// through the proxy.',
    fallback: undefined,
  },
  unmatched: {
    kind: 'choice',
    about: 'What happens to a tunnel to a host that no credential is bound to; "tunnel" passes its bytes unseen, and logs.',
    fallback: 'refuse',
    choices: ['refuse', 'tunnel'],
  },
  'redirect-http-port': {
    kind: 'port',
    about: 'Port of loopback for connections to port 80 that packet rules redirect (redirect-rules prints such rules); off when not given.',
    fallback: undefined,
  },
  'redirect-tls-port': {
    kind: 'port',
    about: 'The same for connections to port 443.',
    fallback: undefined,
  },
  'tally-hosts': {
    kind: 'flag',
    about: 'Count by host what the agent calls, and show it as /hosts on the metrics port: for `leasehold doctor`.',
    fallback: false,
  },
  'metrics-host': { kind: 'text', about: 'Address of /livez, /readyz and /metrics.', fallback: '127.0.0.1' },
  'metrics-port': { kind: 'port', about: 'Port of /livez, /readyz and /metrics; 0 means any free one.', fallback: 7481 },
  'stream-grace': {
    kind: 'duration',
    about: 'How long streams may go on when the sidecar is out of step.',
    fallback: 10_000,
    min: 0,
    max: 600_000,
  },
  'max-leases': { kind: 'integer', about: 'Leases kept in memory.', fallback: 1_000, min: 1, max: 100_000 },
  'upstream-connections': { kind: 'integer', about: 'Connections to one origin under one credential.', fallback: 64, min: 1, max: 10_000 },
  'upstream-connect-timeout': {
    kind: 'duration',
    about: 'Longest wait for a connection to an upstream address.',
    fallback: 10_000,
    min: 100,
    max: 120_000,
  },
  'upstream-headers-timeout': {
    kind: 'duration',
    about: 'Longest wait for the head of an answer.',
    fallback: 600_000,
    min: 1_000,
    max: 3_600_000,
  },
  'proxy-tls-cert-file': {
    kind: 'text',
    about: 'Gateway: certificate (PEM chain) that agents see; needs --proxy-tls-key-file.',
    fallback: undefined,
  },
  'proxy-tls-key-file': { kind: 'text', about: 'Gateway: private key (PEM, mode 0600) of --proxy-tls-cert-file.', fallback: undefined },
  'proxy-client-ca-file': {
    kind: 'text',
    about: 'Gateway: CA certificate (PEM) of agents that prove themselves by a client certificate; needs --agent-tokens-dir.',
    fallback: undefined,
  },
  'agent-tokens-dir': {
    kind: 'text',
    about: 'Gateway: directory of agent tokens, <tenant>/<agent> with mode 0600, for agents with a client certificate.',
    fallback: undefined,
  },
  'proxy-name': {
    kind: 'list',
    about: 'Gateway: host name by which agents call it, besides loopback; base URLs are served under these alone. Repeatable.',
    fallback: [],
  },
  'max-agents': { kind: 'integer', about: 'Gateway: agents served at once.', fallback: 1_000, min: 1, max: 20_000 },
  'agent-idle': {
    kind: 'duration',
    about: 'Gateway: how long an agent that sends nothing keeps its session, leases and connections.',
    fallback: 600_000,
    min: 1_000,
    max: 86_400_000,
  },
  'max-in-flight-per-agent': {
    kind: 'integer',
    about: 'Gateway: requests and streams of one agent at once.',
    fallback: 256,
    min: 1,
    max: 100_000,
  },
  'metrics-per-agent': {
    kind: 'flag',
    about: 'Gateway: count requests of each agent by its name. Whoever may read the metrics then sees the names.',
    fallback: false,
  },
  workers: {
    kind: 'integer',
    about: 'Gateway: processes that serve agents; bounds and rates count in each by itself.',
    fallback: 1,
    min: 1,
    max: 64,
  },
} as const;

export type SidecarSettings = Settings<typeof sidecarSettings>;
