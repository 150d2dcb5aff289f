import type { Settings } from '@leasehold/runtime';

/** Everything an operator can set. Secrets are files, never values. */
export const sidecarSettings = {
  broker: { kind: 'text', about: 'The broker’s gRPC address, host:port. Required.', fallback: undefined },
  'broker-ca-file': { kind: 'text', about: 'CA certificate (PEM) of the broker; no other is trusted. Required.', fallback: undefined },
  'broker-server-name': {
    kind: 'text',
    about: 'Name in the broker’s certificate, when --broker is an IP address.',
    fallback: 'leasehold-broker',
  },
  'agent-token-file': {
    kind: 'text',
    about: 'File (mode 0600) with the agent token; read anew for each session. Required.',
    fallback: undefined,
  },
  'instance-name': { kind: 'text', about: 'What operators call this sidecar. Default: the host name.', fallback: undefined },
  'proxy-host': { kind: 'text', about: 'Address for agents; loopback only.', fallback: '127.0.0.1' },
  'proxy-port': { kind: 'port', about: 'Port for agents; 0 means any free one.', fallback: 7480 },
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
} as const;

export type SidecarSettings = Settings<typeof sidecarSettings>;
