import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import {
  addService,
  LeaseService,
  type OpenRequest,
  type ReportUseRequest,
  type ServerStream,
  SessionService,
  unary,
  type WatchRequest,
  type WatchRequestSchema,
  type WatchResponseSchema,
} from '@leasehold/contract/grpc';
import type { AppError } from '@leasehold/core';
import {
  BasicConstraintsExtension,
  cryptoProvider,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { createGrpcBroker, type GrpcBroker, type GrpcBrokerOptions } from './grpc-broker.ts';

/** A broker's wire side over real TLS, that says what the test tells it and writes down what it is asked. */
export interface ScriptedServer {
  readonly opens: OpenRequest[];
  /** The session token of each call. */
  readonly tokens: string[];
  readonly reports: ReportUseRequest[];
  readonly watches: ScriptedWatch[];
  /** Thrown by the next calls, one each. */
  readonly refusals: AppError[];
  agentId: string;
  /** While set, Open waits for it. */
  hang: Promise<void> | undefined;
  /** Where it listens. */
  port: number;
  /** What the client's clock says. */
  nowMs: number;
  /** A client of this server; closed with it. */
  connect(changes?: Partial<GrpcBrokerOptions>): GrpcBroker;
  /** The server goes, its clients stay. */
  goDown(): void;
  stop(): void;
}

export interface ScriptedWatch {
  readonly stream: ServerStream<typeof WatchRequestSchema, typeof WatchResponseSchema>;
  readonly seen: WatchRequest['message'][];
}

export interface Identity {
  readonly certPem: string;
  readonly keyPem: string;
}

export async function startScriptedServer(identity: Identity): Promise<ScriptedServer> {
  const server = new Server();
  const clients: GrpcBroker[] = [];
  const script: ScriptedServer = {
    opens: [],
    tokens: [],
    reports: [],
    watches: [],
    refusals: [],
    agentId: 'agent-1',
    hang: undefined,
    port: 0,
    nowMs: 0,
    connect,
    goDown: () => server.forceShutdown(),
    stop() {
      for (const client of clients) client.close();
      server.forceShutdown();
    },
  };
  const { opens, tokens, reports, watches, refusals } = script;
  addService(server, SessionService, {
    open: unary(async (request) => {
      opens.push(request);
      await script.hang;
      const sessionToken = `session-${opens.length}`;
      return { sessionToken, expiresInMs: 60_000n, tenantId: 't', agentId: script.agentId, agentName: 'a', tenantName: 't' };
    }),
  });
  const enter = (metadata: { get(key: string): unknown[] }): void => {
    tokens.push(String(metadata.get('authorization')[0]));
    const error = refusals.shift();
    if (error !== undefined) throw error;
  };
  addService(server, LeaseService, {
    acquire: unary(async ({ credentialId }, call) => {
      enter(call.metadata);
      const value = Buffer.from('canary');
      return { leaseId: 'l1', grantId: `grant of ${credentialId}`, version: 3, ttlMs: 60_000n, epoch: 'e1', issuedAtSeq: 7n, value };
    }),
    renew: unary(async ({ leaseId }, call) => {
      enter(call.metadata);
      return { leaseId, ttlMs: 30_000n, epoch: 'e1', issuedAtSeq: 2n ** 60n };
    }),
    release: unary(async (_, call) => {
      enter(call.metadata);
      return {};
    }),
    reportUse: unary(async (request, call) => {
      enter(call.metadata);
      reports.push(request);
      return {};
    }),
    watch: (stream) => {
      const seen: WatchRequest['message'][] = [];
      watches.push({ stream, seen });
      stream.on('data', (request) => seen.push(request.message));
      stream.on('error', () => {});
    },
  });
  const credentials = ServerCredentials.createSsl(null, [
    { cert_chain: Buffer.from(identity.certPem), private_key: Buffer.from(identity.keyPem) },
  ]);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', credentials, (error, bound) => (error === null ? resolve(bound) : reject(error)));
  });

  script.port = port;

  function connect(changes: Partial<GrpcBrokerOptions> = {}): GrpcBroker {
    const client = createGrpcBroker({
      target: `127.0.0.1:${port}`,
      caPem: identity.certPem,
      serverName: 'broker.test',
      agentToken: () => 'the-token',
      instanceId: 'instance-0123456789',
      instanceName: 'pod-1',
      clock: { now: () => ({ monoMs: script.nowMs, wallMs: script.nowMs }) },
      deadlineMs: 5_000,
      ...changes,
    });
    clients.push(client);
    return client;
  }

  return script;
}

export async function certificateFor(name: string): Promise<Identity> {
  cryptoProvider.set(webcrypto);
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=Test broker',
    keys,
    signingAlgorithm: algorithm,
    notBefore: new Date(Date.now() - 3_600_000),
    notAfter: new Date(Date.now() + 3_600_000),
    extensions: [new BasicConstraintsExtension(true), new SubjectAlternativeNameExtension([{ type: 'dns', value: name }])],
  });
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return { certPem: certificate.toString('pem'), keyPem: PemConverter.encode(pkcs8, 'PRIVATE KEY') };
}
