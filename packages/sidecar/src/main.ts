import { runProgram } from '@leasehold/runtime';
import { startSidecar } from './compose.ts';
import { sidecarSettings } from './settings.ts';

await runProgram({
  name: 'leasehold-sidecar',
  about: 'the data plane: the proxy beside an agent, which borrows leases and injects secrets',
  envPrefix: 'LEASEHOLD_SIDECAR_',
  settings: sidecarSettings,
  run: async ({ settings, log, ended, announce }) => {
    const sidecar = await startSidecar(settings, log, ended);
    announce({ proxy_port: sidecar.proxyPort, metrics_port: sidecar.metricsPort });
    await sidecar.closed;
  },
});
