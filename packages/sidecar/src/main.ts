import { runProgram, workerNumber } from '@leasehold/runtime';
import { startSidecar } from './compose.ts';
import { startGatewayWorkers } from './compose-workers.ts';
import { printRedirectRules } from './print-redirect-rules.ts';
import { sidecarSettings } from './settings.ts';

const [command, ...rest] = process.argv.slice(2);
if (command === 'redirect-rules') process.exitCode = await printRedirectRules(rest, process);
else
  await runProgram({
    name: 'leasehold-sidecar',
    about: 'the data plane: the proxy beside an agent, which borrows leases and injects secrets',
    envPrefix: 'LEASEHOLD_SIDECAR_',
    settings: sidecarSettings,
    run: async ({ settings, log, ended, announce }) => {
      const start = settings.workers > 1 && workerNumber() === undefined ? startGatewayWorkers : startSidecar;
      const sidecar = await start(settings, log, ended);
      const { proxyPort, metricsPort, trustFiles, redirectPorts } = sidecar;
      announce({
        proxy_port: proxyPort,
        ...(metricsPort !== undefined && { metrics_port: metricsPort }),
        ...(redirectPorts.http !== undefined && { redirect_http_port: redirectPorts.http }),
        ...(redirectPorts.tls !== undefined && { redirect_tls_port: redirectPorts.tls }),
        ...(trustFiles !== undefined && { agent_ca_file: trustFiles.caFile, agent_bundle_file: trustFiles.bundleFile }),
      });
      await sidecar.closed;
    },
  });
