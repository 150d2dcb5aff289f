import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { Channel, ChannelCredentials, type ClientOptions } from '@grpc/grpc-js';
import { createClient, LeaseService, type ServiceClient, SessionService } from '@leasehold/contract/grpc';
import { AppError, type LogHead } from '@leasehold/core';
import {
  BasicConstraintsExtension,
  cryptoProvider,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';
import type { IssuedLease, LendingUseCases, SessionClaims } from '../../ports/use-cases.ts';
import type { WatchSink } from '../../ports/watch-stream.ts';
import { type GrpcLimits, type GrpcServer, startGrpcServer } from './grpc-server.ts';

/** The server over real TLS on loopback, with use cases that write down what they are asked. */
export interface Wired {
  readonly server: GrpcServer;
  readonly certPem: string;
  /** Use case and arguments, in order. */
  readonly asked: unknown[][];
  readonly observed: string[];
  /** The token of each verification. */
  readonly verified: string[];
  readonly attached: Attached[];
  lease: IssuedLease;
  refusal: AppError | undefined;
  readonly leases: ServiceClient<typeof LeaseService.method>;
  readonly sessions: ServiceClient<typeof SessionService.method>;
  readonly credentials: ChannelCredentials;
  readonly target: string;
  readonly clientOptions: ClientOptions;
  stop(): Promise<void>;
}

export interface Attached {
  readonly caller: SessionClaims;
  readonly start: LogHead | undefined;
  readonly sink: WatchSink;
  readonly ended: AbortSignal;
  readonly heard: string[];
}

export const caller: SessionClaims = {
  tenantId: 't1',
  agentId: 'a1',
  tokenVersion: 1,
  instanceId: 'instance-0123456789',
  instanceName: 'pod-1',
  expiresAt: Number.MAX_SAFE_INTEGER,
};

export async function wire(limits: Partial<GrpcLimits> = {}, port = 0): Promise<Wired> {
  const { certPem, keyPem } = await testCertificate();
  const end = new AbortController();
  const asked: unknown[][] = [];
  const observed: string[] = [];
  const verified: string[] = [];
  const attached: Attached[] = [];
  const record = <T>(name: string, result: () => T) => {
    return async (...given: unknown[]): Promise<T> => {
      asked.push([name, ...given]);
      if (wired.refusal !== undefined) throw wired.refusal;
      return result();
    };
  };
  const lending: LendingUseCases = {
    openSession: record('openSession', () => ({
      token: 's1',
      expiresInMs: 60_000,
      tenantId: 't1',
      tenantName: 'acme',
      agentId: 'a1',
      agentName: 'bot',
    })),
    verifySession(token) {
      verified.push(token);
      if (token !== 's1') throw new AppError('identity_invalid', 'Open a new session.');
      return caller;
    },
    issueLease: record('issueLease', () => wired.lease),
    renewLease: record('renewLease', () => ({ leaseId: 'l1', ttlMs: 9, epoch: 'e1', issuedAtSeq: 4 })),
    releaseLeases: record('releaseLeases', () => 2),
    recordUse: record('recordUse', () => undefined),
    routesOf: record('routesOf', () => []),
  };
  const server = await startGrpcServer(
    {
      lending,
      hub: {
        attach(who, start, sink, ended) {
          const heard: string[] = [];
          attached.push({ caller: who, start, sink, ended, heard });
          return { ping: (id) => heard.push(`ping ${id}`), applied: (seq) => heard.push(`applied ${seq}`) };
        },
      },
      tls: { certPem, keyPem },
      host: '127.0.0.1',
      port,
      onCall: ({ path, outcome }) => observed.push(`${path.split('/')[2]} ${outcome}`),
      limits: { lingerMs: 50, ...limits },
    },
    end.signal,
  );
  const credentials = ChannelCredentials.createSsl(Buffer.from(certPem));
  const target = `127.0.0.1:${server.port}`;
  const clientOptions = { 'grpc.enable_http_proxy': 0, 'grpc.ssl_target_name_override': 'broker.test' };
  const channel = new Channel(target, credentials, clientOptions);
  const leases = createClient(LeaseService, channel);
  const sessions = createClient(SessionService, channel);
  const wired: Wired = {
    server,
    certPem,
    asked,
    observed,
    verified,
    attached,
    lease: {
      leaseId: 'l1',
      grantId: 'g1',
      version: 2,
      ttlMs: 300_000,
      epoch: 'e1',
      issuedAtSeq: 4,
      limits: { methods: ['GET'], pathPrefixes: ['/v1'] },
      value: Buffer.from('canary-secret'),
    },
    refusal: undefined,
    leases,
    sessions,
    credentials,
    target,
    clientOptions,
    async stop() {
      end.abort();
      channel.close();
      await server.closed;
    },
  };
  return wired;
}

export async function testCertificate(): Promise<{ readonly certPem: string; readonly keyPem: string }> {
  cryptoProvider.set(webcrypto);
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const made = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=Test broker',
    keys,
    signingAlgorithm: algorithm,
    notBefore: new Date(Date.now() - 3_600_000),
    notAfter: new Date(Date.now() + 3_600_000),
    extensions: [new BasicConstraintsExtension(true), new SubjectAlternativeNameExtension([{ type: 'dns', value: 'broker.test' }])],
  });
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return { certPem: made.toString('pem'), keyPem: PemConverter.encode(pkcs8, 'PRIVATE KEY') };
}
