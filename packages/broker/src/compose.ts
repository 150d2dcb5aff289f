import { createHash, randomBytes } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '@leasehold/core';
import { createRegistry, type Logger, rememberReady, startOpsServer, systemClock, version } from '@leasehold/runtime';
import { startAdminServer } from './adapters/admin/admin-server.ts';
import { createAgentTokenAuthenticator } from './adapters/auth/agent-token.ts';
import { createSessionTokens } from './adapters/auth/session-token.ts';
import { hashToken, mintToken } from './adapters/auth/token.ts';
import { createTokenFile } from './adapters/auth/token-file.ts';
import { startGrpcServer } from './adapters/grpc/grpc-server.ts';
import { createGoogleCloudKms, loadGoogleCloudKms } from './adapters/kms/google-cloud-kms.ts';
import { openLocalKeyFile } from './adapters/kms/local-key-file.ts';
import { createBrokerMetrics } from './adapters/metrics/broker-metrics.ts';
import { createInProcessSignal } from './adapters/signal/in-process.ts';
import { createAuditMac } from './adapters/sql/audit-mac.ts';
import { createDiskRoom } from './adapters/sql/disk-room.ts';
import { createSqliteStore } from './adapters/sql/sqlite-store.ts';
import { openBrokerIdentity, readGivenIdentity, type TlsIdentity } from './adapters/tls/broker-identity.ts';
import { followIdentity } from './adapters/tls/follow-identity.ts';
import { createAdministration } from './app/administration.ts';
import { ensureRootOperator } from './app/ensure-root-operator.ts';
import { createLending } from './app/lending.ts';
import { sweepExpired } from './app/sweep-expired.ts';
import { forebearsOf } from './app/watch/forebears.ts';
import { createWatchRevocations } from './app/watch-revocations.ts';
import type { KeyService } from './ports/key-service.ts';
import type { BrokerSettings } from './settings.ts';
import { loadBrokerKey } from './vault/broker-keys.ts';
import { createVault } from './vault/envelope.ts';
import { createKeyring } from './vault/keyring.ts';

export interface RunningBroker {
  readonly grpcPort: number;
  readonly adminPort: number;
  readonly metricsPort: number;
  readonly caFile: string;
  readonly operatorTokenFile: string;
  /** Resolves when `ended` aborted and everything is closed. */
  readonly closed: Promise<void>;
}

const sessionLifetimeMs = 3_600_000;
const readyForMs = 1_000;
const identityEveryMs = 3_600_000;
const bytesPerMib = 2 ** 20;
const random = (count: number): Uint8Array => randomBytes(count);

/** Picks the implementations and starts them: the one place that knows all layers. */
export async function startBroker(settings: BrokerSettings, log: Logger, ended: AbortSignal): Promise<RunningBroker> {
  const dir = settings['state-dir'];
  const registry = createRegistry('broker');
  const metrics = createBrokerMetrics(registry);
  const keyService = metrics.meterKeyService(await openKeyService(settings));
  const auditMac = createAuditMac();
  const diskRoom = createDiskRoom({ dir, leastBytes: settings['least-free-mib'] * bytesPerMib });
  const store = createSqliteStore({
    path: join(dir, 'leasehold.db'),
    hasRoom: diskRoom.isEnough,
    epoch: randomBytes(16).toString('hex'),
    auditMac: auditMac.sign,
    now: Date.now,
  });
  const keyDeps = { keys: store.keys, keyService, randomBytes: random };
  auditMac.use(await loadBrokerKey(keyDeps, 'audit'));

  const keyring = createKeyring({ ...keyDeps, clock: systemClock, keepMs: 300_000, maxKept: 10_000, maxEncryptions: 2 ** 20 });
  const vault = createVault({ keyring, randomBytes: random });
  const sessionTokens = createSessionTokens({ key: await loadBrokerKey(keyDeps, 'session'), now: Date.now, lifetimeMs: sessionLifetimeMs });
  const signal = createInProcessSignal();
  const lending = metrics.meterLending(
    createLending({ store, vault, agentTokens: createAgentTokenAuthenticator(store), sessionTokens, randomBytes: random }),
  );
  const hub = createWatchRevocations({
    log: store.log,
    routesOf: lending.routesOf,
    signal,
    clock: systemClock,
    pingIntervalMs: Math.floor(settings['max-staleness'] / 3),
    maxStalenessMs: settings['max-staleness'],
    forebearsMs: await forebearsOf(store, settings['max-staleness'], ended),
    onConfirmed: metrics.confirmed,
    onFault: (err) => log.warn({ err }, 'watch streams could not be served'),
    ended,
  });
  const mint = (kind: 'agent' | 'operator') => mintToken(kind, random);
  const admin = createAdministration({
    store,
    ledger: store.ledger,
    signal,
    vault,
    watchers: hub,
    randomBytes: random,
    mintToken: mint,
    hashToken,
    sha256: (bytes) => createHash('sha256').update(bytes).digest(),
    auditMac: auditMac.sign,
    version,
  });
  metrics.observe(store, hub);
  metrics.observeDisk(diskRoom.freeBytes);
  const operatorToken = createTokenFile(join(dir, 'operator.token'));
  await ensureRootOperator({ store, file: operatorToken, mintToken: mint, hashToken, randomBytes: random });

  const identity = await openIdentity(settings);
  metrics.certificateEnds(identity.expiresAt);
  const grpc = await startGrpcServer(
    {
      lending,
      hub,
      tls: identity.tls,
      host: settings['grpc-host'],
      port: settings['grpc-port'],
      onCall: ({ path, outcome, durationMs, thrown }) => {
        if (outcome === 'internal') log.error({ path, err: thrown }, 'a call failed');
        else log.debug({ path, outcome, durationMs }, 'call');
      },
    },
    ended,
  );
  const adminServer = await startAdminServer(
    {
      admin,
      tls: identity.tls,
      host: settings['admin-host'],
      port: settings['admin-port'],
      onRequest: ({ method, route, status, requestId, durationMs, thrown }) => {
        if (status >= 500) log.error({ method, route, status, requestId, err: thrown }, 'an admin request failed');
        else log.info({ method, route, status, requestId, durationMs }, 'admin request');
      },
    },
    ended,
  );
  const useIdentity = ({ tls, expiresAt }: TlsIdentity) => {
    grpc.use(tls);
    adminServer.use(tls);
    metrics.certificateEnds(expiresAt);
    log.info({ expiresAt: new Date(expiresAt).toISOString() }, 'another certificate is in use');
  };
  followIdentity(
    {
      identity,
      open: () => openIdentity(settings),
      everyMs: identityEveryMs,
      onChanged: useIdentity,
      onFault: (err) => log.warn({ err }, 'the certificate could not be looked at'),
    },
    ended,
  );
  // The store is asked by a write, in the queue in which a kill waits, and anybody may ask for it.
  const look = async () => {
    try {
      await store.check();
      return { ready: true };
    } catch (thrown) {
      return { ready: false, why: AppError.from(thrown).message };
    }
  };
  const ready = rememberReady(look, systemClock, readyForMs);
  const ops = await startOpsServer({ host: settings['metrics-host'], port: settings['metrics-port'], registry, ready }, ended);

  const sweeping = setInterval(() => {
    sweepExpired(store.ledger, ended).then(metrics.expired, (err: unknown) => log.warn({ err }, 'expired leases could not be marked'));
  }, settings['sweep-interval']);
  const closed = grpc.closed.then(async () => {
    clearInterval(sweeping);
    await store.close();
  });
  return {
    grpcPort: grpc.port,
    adminPort: adminServer.port,
    metricsPort: ops.port,
    caFile: identity.caFile,
    operatorTokenFile: operatorToken.path,
    closed,
  };
}

async function openKeyService(settings: BrokerSettings): Promise<KeyService> {
  const dir = settings['state-dir'];
  if (settings.kek === 'local') {
    const hasData = await holdsData(join(dir, 'leasehold.db'));
    return openLocalKeyFile(settings['kek-file'] ?? join(dir, 'kek'), !hasData);
  }
  const keyName = settings['gcp-kms-key'];
  if (keyName === undefined)
    throw new AppError('invalid_argument', '--kek gcp-kms needs --gcp-kms-key projects/P/locations/L/keyRings/R/cryptoKeys/K.');
  if (settings['kek-file'] !== undefined)
    throw new AppError('invalid_argument', '--kek-file belongs to --kek local, and --kek is gcp-kms. Leave one of them out.');
  return createGoogleCloudKms({
    keyName,
    client: () => loadGoogleCloudKms(),
    timeoutMs: 5_000,
    attempts: 3,
    pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    random: Math.random,
  });
}

async function openIdentity(settings: BrokerSettings): Promise<TlsIdentity> {
  const given = { cert: settings['tls-cert-file'], key: settings['tls-key-file'], ca: settings['tls-ca-file'] };
  const { cert, key, ca } = given;
  if (cert !== undefined && key !== undefined && ca !== undefined) return readGivenIdentity({ cert, key, ca });
  if (Object.values(given).some((file) => file !== undefined)) {
    throw new AppError(
      'invalid_argument',
      '--tls-cert-file, --tls-key-file and --tls-ca-file belong together: give all three, or none to use the broker’s own CA.',
    );
  }
  const names = ['localhost', '127.0.0.1', '::1', 'leasehold-broker', ...settings['tls-name']];
  return openBrokerIdentity(join(settings['state-dir'], 'tls'), names, Date.now());
}

/** Only a file that is not there is none: whatever else keeps it from being looked at must not lead to a new key beside it. */
async function holdsData(path: string): Promise<boolean> {
  try {
    return (await stat(path)).size > 0;
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return false;
    throw new AppError('store_unavailable', `The database ${path} can't be looked at. Check that this user may read it.`, {
      cause: thrown,
    });
  }
}
