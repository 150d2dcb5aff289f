import { runProgram, workerNumber } from '@leasehold/runtime';
import { startSidecar } from './compose.ts';
import { startGatewayWorkers } from './compose-workers.ts';
import { sidecarSettings } from './settings.ts';

await runProgram({
  name: 'leasehold-sidecar',
  about: 'the data plane: the proxy beside an agent, which borrows leases and injects secrets',
  envPrefix: 'LEASEHOLD_SIDECAR_',
  settings: sidecarSettings,
  run: async ({ settings, log, ended, announce }) => {
    const start = settings.workers > 1 && workerNumber() === undefined ? startGatewayWorkers : startSidecar;
    const sidecar = await start(settings, log, ended);
    const { proxyPort, metricsPort, trustFiles } = sidecar;
    announce({
      proxy_port: proxyPort,
      ...(metricsPort !== undefined && { metrics_port: metricsPort }),
      ...(trustFiles !== undefined && { agent_ca_file: trustFiles.caFile, agent_bundle_file: trustFiles.bundleFile }),
    });
    await sidecar.closed;
  },
});
