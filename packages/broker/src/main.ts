import { runProgram } from '@leasehold/runtime';
import { startBroker } from './compose.ts';
import { brokerSettings } from './settings.ts';

await runProgram({
  name: 'leasehold-broker',
  about: 'the control plane: keeps credentials, issues leases, pushes revocations',
  envPrefix: 'LEASEHOLD_BROKER_',
  settings: brokerSettings,
  run: async ({ settings, log, ended, announce }) => {
    const broker = await startBroker(settings, log, ended);
    announce({
      grpc_port: broker.grpcPort,
      admin_port: broker.adminPort,
      metrics_port: broker.metricsPort,
      ca_file: broker.caFile,
      operator_token_file: broker.operatorTokenFile,
    });
    await broker.closed;
  },
});
