import { type Logger, startOpsServer, startWorkers } from '@leasehold/runtime';
import type { RunningSidecar } from './compose.ts';
import { planSidecar } from './plan-sidecar.ts';
import type { SidecarSettings } from './settings.ts';

/** A gateway of several processes. This one holds no secret and no connection: it starts the others, and speaks for them. */
export async function startGatewayWorkers(settings: SidecarSettings, log: Logger, ended: AbortSignal): Promise<RunningSidecar> {
  // Contradictions are told by one process, not by each.
  planSidecar(settings);
  const workers = await startWorkers(
    { count: settings.workers, firstPauseMs: 200, maxPauseMs: 10_000, steadyMs: 10_000, answerMs: 2_000, log },
    ended,
  );
  const ops = await startOpsServer(
    { host: settings['metrics-host'], port: settings['metrics-port'], registry: workers.registry, ready: workers.ready },
    ended,
  );
  const redirectPorts = { http: undefined, tls: undefined };
  return {
    proxyPort: Number(workers.facts.proxy_port),
    redirectPorts,
    metricsPort: ops.port,
    trustFiles: undefined,
    closed: workers.closed,
  };
}
