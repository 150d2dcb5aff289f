import type { Settings } from '@leasehold/runtime';

/** Everything an operator can set. Secrets are files, never values. */
export const brokerSettings = {
  'state-dir': {
    kind: 'text',
    about: 'Directory (mode 0700) for the database, the local KEK, the broker’s own CA and the operator token.',
    fallback: './.leasehold/broker',
  },
  'grpc-host': { kind: 'text', about: 'Address that sidecars connect to.', fallback: '127.0.0.1' },
  'grpc-port': { kind: 'port', about: 'Port that sidecars connect to; 0 means any free one.', fallback: 7443 },
  'admin-host': { kind: 'text', about: 'Address of the admin API.', fallback: '127.0.0.1' },
  'admin-port': { kind: 'port', about: 'Port of the admin API; 0 means any free one.', fallback: 7444 },
  'metrics-host': { kind: 'text', about: 'Address of /livez, /readyz and /metrics.', fallback: '127.0.0.1' },
  'metrics-port': { kind: 'port', about: 'Port of /livez, /readyz and /metrics; 0 means any free one.', fallback: 7445 },
  'tls-name': {
    kind: 'list',
    about: 'DNS name or IP address in the broker’s own certificate, besides localhost. Repeatable.',
    fallback: [],
  },
  'tls-cert-file': {
    kind: 'text',
    about: 'Certificate (PEM chain) to use in place of the broker’s own; needs --tls-key-file and --tls-ca-file.',
    fallback: undefined,
  },
  'tls-key-file': { kind: 'text', about: 'Private key (PEM, mode 0600) of --tls-cert-file.', fallback: undefined },
  'tls-ca-file': { kind: 'text', about: 'CA certificate (PEM) that clients of --tls-cert-file trust.', fallback: undefined },
  kek: { kind: 'choice', about: 'Where the key-encryption key lives.', fallback: 'local', choices: ['local', 'gcp-kms'] },
  'kek-file': { kind: 'text', about: 'The local KEK; made on first start. Default: kek in the state directory.', fallback: undefined },
  'gcp-kms-key': { kind: 'text', about: 'Cloud KMS key: projects/P/locations/L/keyRings/R/cryptoKeys/K.', fallback: undefined },
  'least-free-mib': {
    kind: 'integer',
    about: 'With less than this free on the disk of the state directory nothing is lent: the rest is kept for revocations.',
    fallback: 64,
    min: 0,
    max: 1_000_000_000,
  },
  'max-staleness': {
    kind: 'duration',
    about: 'Longest time after a revocation’s commit that a sidecar may use what it covers.',
    fallback: 3_000,
    min: 300,
    max: 60_000,
  },
  'sweep-interval': {
    kind: 'duration',
    about: 'How often leases whose time has passed are marked as expired. Validity never waits for it.',
    fallback: 5_000,
    min: 100,
    max: 600_000,
  },
} as const;

export type BrokerSettings = Settings<typeof brokerSettings>;
