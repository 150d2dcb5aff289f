import type { Socket } from 'node:net';
import { AppError, type Destination, type Instant, parseDestination, type Route, Secret } from '@leasehold/core';
import { systemClock } from '@leasehold/runtime';
import { type ProxyOptions, startProxy } from '../../packages/sidecar/src/adapters/proxy/listener.ts';
import type { RedirectPorts } from '../../packages/sidecar/src/adapters/proxy/redirect-listener.ts';
import { createLeafIssuer } from '../../packages/sidecar/src/adapters/tls/leaf-issuer.ts';
import { createDialBlind } from '../../packages/sidecar/src/adapters/upstream/dial-blind.ts';
import { createOutgoingConnections } from '../../packages/sidecar/src/adapters/upstream/outgoing-connections.ts';
import type { Resolve } from '../../packages/sidecar/src/adapters/upstream/resolve.ts';
import { createUpstream, type UpstreamOptions } from '../../packages/sidecar/src/adapters/upstream/upstream.ts';
import { type AgentServiceOptions, createAgentService } from '../../packages/sidecar/src/app/agent-service.ts';
import { createKeptConnections, type KeptConnections } from '../../packages/sidecar/src/app/kept-connections.ts';
import type { LeaseEntry } from '../../packages/sidecar/src/domain/lease-entry.ts';
import type { InFlight, Leases } from '../../packages/sidecar/src/ports/leases.ts';
import type { Use } from '../../packages/sidecar/src/ports/use-log.ts';

/** The sidecar's data path on real sockets, with leases that do what the test tells them. */
export interface DataPath {
  readonly port: number;
  readonly uses: Use[];
  /** What was counted, in order. */
  readonly results: string[];
  readonly leases: ScriptedLeases;
  /** Where redirected connections are taken. */
  readonly redirect: RedirectPorts;
  readonly kept: KeptConnections;
  /** What an agent trusts for TLS inside a tunnel. */
  readonly caPem: string;
  /** Hosts that a certificate was made for, in order. */
  readonly issued: readonly string[];
  /** Hosts whose client did not take its certificate, and how it showed. */
  readonly rejected: readonly string[];
  /** Replaces all routes. */
  route(...routes: readonly Route[]): void;
  /** Host names and the addresses that they resolve to; each look-up takes the next list, the last one stays. */
  readonly names: Map<string, (readonly string[])[]>;
  /** Whether a connection that a vendor has accepted is still held at our end. */
  isConnectedTo(accepted: Socket): boolean;
  /** Drops all connections to vendors, as the end of the sidecar does. */
  closeUpstream(): Promise<void>;
  close(): Promise<void>;
}

export interface ScriptedLeases extends Leases {
  /** Credential ids that have a lease, and its value. */
  readonly values: Map<string, string>;
  /** While set, the last gate says this. */
  refusedBy: AppError | undefined;
  /** While set, `inHand` has nothing and `borrow` waits for it. */
  borrowing: Promise<void> | undefined;
  /** What is in flight now. */
  readonly held: Set<InFlight>;
  /** How often the last gate was asked. */
  gateAsked: number;
  /** Ends the leases of everything in flight, as a revocation does. */
  revoke(): void;
}

export interface DataPathChanges {
  readonly proxy?: Partial<ProxyOptions>;
  readonly upstream?: Partial<UpstreamOptions>;
  readonly service?: Partial<AgentServiceOptions>;
  readonly redirect?: RedirectPorts;
  /** Connections that one agent may keep. */
  readonly maxKept?: number;
}

export const revokedError: AppError = new AppError('lease_revoked', 'The lease behind this request was revoked.');

export async function startDataPath(changes: DataPathChanges = {}): Promise<DataPath> {
  const end = new AbortController();
  const uses: Use[] = [];
  const results: string[] = [];
  const names = new Map<string, (readonly string[])[]>();
  const leases = createScriptedLeases();
  let routes: readonly Route[] = [];
  const resolve: Resolve = (host, callback) => {
    const lists = names.get(host) ?? [['127.0.0.1']];
    const addresses = lists.length > 1 ? lists.shift() : lists[0];
    setImmediate(() => callback(addresses?.length === 0 ? new Error('no such name') : null, addresses ?? []));
  };
  const outgoing = createOutgoingConnections();
  const upstream = createUpstream({
    resolve,
    outgoing,
    timeoutMs: 5_000,
    connectionsPerPool: 4,
    maxPools: 8,
    idlePoolMs: 60_000,
    maxWaiting: 4,
    waitMs: 5_000,
    headersTimeoutMs: 5_000,
    idleConnectionMs: 5_000,
    halfOpenMs: 5_000,
    ...changes.upstream,
  });
  const metrics = { exchanged: (result: string) => results.push(result), upstreamTook: () => undefined };
  const kept = createKeptConnections({ max: changes.maxKept ?? 100 });
  const service = createAgentService({
    leases,
    routes: { current: () => routes },
    upstream,
    useLog: { record: (use) => uses.push(use) },
    clock: systemClock,
    metrics,
    unmatched: 'refuse',
    kept,
    ...changes.service,
  });
  let caPem = '';
  const issuer = createLeafIssuer({
    now: Date.now,
    onAuthorities: (certsPem) => {
      caPem = certsPem.join('');
    },
  });
  const issued: string[] = [];
  const rejected: string[] = [];
  const { port, redirect } = await startProxy(
    {
      host: '127.0.0.1',
      port: 0,
      serviceFor: () => service,
      onRefused: metrics.exchanged,
      issuer: {
        issue: (host) => {
          issued.push(host);
          return issuer.issue(host);
        },
      },
      onTlsRejected: (host, how) => rejected.push(`${host} ${how}`),
      dialBlind: createDialBlind({ resolve, timeoutMs: 5_000 }),
      ...(changes.redirect !== undefined && { redirect: { ports: changes.redirect, service, isOurs: outgoing.isOurs } }),
      ...changes.proxy,
    },
    end.signal,
  );
  return {
    port,
    redirect,
    kept,
    caPem,
    issued,
    rejected,
    uses,
    results,
    leases,
    names,
    route: (...next) => {
      routes = next;
      for (const { credentialId } of next) if (!leases.values.has(credentialId)) leases.values.set(credentialId, secretValue);
    },
    isConnectedTo: outgoing.isOurs,
    closeUpstream: upstream.close,
    close: async () => {
      end.abort();
      await upstream.close();
    },
  };
}

export const secretValue = 'sk-canary-0123456789/abc+def=';

function createScriptedLeases(): ScriptedLeases {
  const values = new Map<string, string>();
  const entries = new Map<string, LeaseEntry>();
  const held = new Set<InFlight>();
  const unlimited = { methods: [], pathPrefixes: [] };
  const entryFor = (credentialId: string, now: Instant): LeaseEntry | undefined => {
    const value = values.get(credentialId);
    if (value === undefined) return undefined;
    let entry = entries.get(`${credentialId} ${value}`);
    if (entry === undefined) {
      const ids = { leaseId: `lease of ${credentialId}`, credentialId, grantId: 'grant', epoch: 'e', issuedAtSeq: 1 };
      entry = {
        ...ids,
        version: entries.size + 1,
        secret: new Secret(Buffer.from(value)),
        limits: unlimited,
        lentAt: now,
        requestedAt: now,
        ttlMs: 60_000,
      };
      entries.set(`${credentialId} ${value}`, entry);
    }
    return entry;
  };
  const leases: ScriptedLeases = {
    values,
    held,
    refusedBy: undefined,
    borrowing: undefined,
    gateAsked: 0,
    inHand: (credentialId, now) => (leases.borrowing === undefined ? entryFor(credentialId, now) : undefined),
    borrow: async (credentialId) => {
      await leases.borrowing;
      const entry = entryFor(credentialId, systemClock.now());
      if (entry === undefined) throw new AppError('no_grant', 'This agent has no grant.');
      return entry;
    },
    refusal: () => {
      leases.gateAsked += 1;
      return leases.refusedBy;
    },
    hold: (_, inFlight) => {
      held.add(inFlight);
      return () => held.delete(inFlight);
    },
    revoke: () => {
      leases.refusedBy = revokedError;
      for (const each of [...held]) {
        held.delete(each);
        each.cut(revokedError);
      }
    },
  };
  return leases;
}

/** A route to `url` that injects `Authorization: Bearer …`, loopback allowed. */
export function routeTo(url: string, changes: Partial<Route> & { readonly destination?: Partial<Destination> } = {}): Route {
  const { destination, ...rest } = changes;
  return {
    credentialId: 'crd_api',
    credentialName: 'api',
    grantId: 'grant',
    version: 1,
    status: 'active',
    destinations: [{ ...parseDestination(url, { privateCidrs: ['127.0.0.0/8', '::1/128'] }), ...destination }],
    injection: { kind: 'header', name: 'authorization', template: 'Bearer {value}' },
    placeholder: undefined,
    environment: [],
    service: undefined,
    limits: { methods: [], pathPrefixes: [], ratePerMinute: undefined },
    ...rest,
  };
}
