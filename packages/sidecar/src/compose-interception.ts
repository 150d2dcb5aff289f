import { type Logger, systemClock } from '@leasehold/runtime';
import type { SidecarMetrics } from './adapters/metrics/sidecar-metrics.ts';
import type { ProxyOptions } from './adapters/proxy/listener.ts';
import { createLeafIssuer } from './adapters/tls/leaf-issuer.ts';
import { type TrustFiles, trustFilesIn, writeTrustFiles } from './adapters/tls/trust-files.ts';
import { createDialBlind } from './adapters/upstream/dial-blind.ts';
import type { OutgoingConnections } from './adapters/upstream/outgoing-connections.ts';
import { createResolveByServers, resolveBySystem } from './adapters/upstream/resolve.ts';
import { createTlsRejections, type TlsRejections } from './app/tls-rejections.ts';
import type { SidecarSettings } from './settings.ts';

export interface InterceptionOptions {
  readonly settings: SidecarSettings;
  readonly metrics: SidecarMetrics;
  readonly log: Logger;
  readonly outgoing: OutgoingConnections;
}

export interface Interception {
  readonly proxy: Pick<ProxyOptions, 'issuer' | 'dialBlind' | 'onTlsRejected'>;
  readonly rejections: TlsRejections;
  /** Undefined without --ca-dir. */
  readonly trustFiles: TrustFiles | undefined;
}

/** What tunnels need: a CA of this process's own, and its certificate where agents can read it. */
export async function startInterception({ settings, metrics, log, outgoing }: InterceptionOptions): Promise<Interception> {
  const dir = settings['ca-dir'];
  let written: Promise<void> = Promise.resolve();
  const issuer = createLeafIssuer({
    now: () => systemClock.now().wallMs,
    onAuthorities: (certsPem) => {
      if (dir !== undefined) written = writeTrustFiles(dir, certsPem);
      // Awaited below the first time. Later on the old CA is good for weeks: the failure is told, and its CA stays in the files.
      written.catch((err: unknown) => log.error({ err }, 'the certificate of the next CA was not written'));
    },
  });
  await written;
  const rejections = createTlsRejections({
    maxHosts: 200,
    onFirst: (host, how) =>
      log.warn(
        { host, how },
        'a client does not trust the certificate with which its TLS is ended here: give it the CA file, or the base URL',
      ),
  });
  const dialBlind = createDialBlind({
    resolve: settings.mode === 'gateway' ? createResolveByServers() : resolveBySystem,
    timeoutMs: settings['upstream-connect-timeout'],
    outgoing,
  });
  return {
    rejections,
    trustFiles: dir === undefined ? undefined : trustFilesIn(dir),
    proxy: {
      issuer,
      dialBlind: (target, connected) => {
        log.info({ host: target.host, port: target.port }, 'passing a tunnel blind');
        dialBlind(target, connected);
      },
      onTlsRejected: (host, how) => {
        metrics.tlsRejected();
        rejections.add(host, how);
      },
    },
  };
}
