import { styleText } from 'node:util';
import { type Stack, startStack } from './start-stack.ts';

export interface DevOptions {
  readonly dir: string;
  /** Of the proxy; 0 means any free one. */
  readonly port: number;
  readonly logLevel: string;
  readonly json: boolean;
}

/** `leasehold dev`: a broker and a sidecar in the foreground until SIGINT or SIGTERM. Resolves with the exit code. */
export async function runDev(options: DevOptions): Promise<number> {
  // Heard each time: npm passes a Ctrl-C on that the terminal sent us already, and the second one must not end the tidying up.
  const interrupted = new Promise<number>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolve(0));
  });
  const stack = await startStack(options);
  process.stdout.write(options.json ? `${JSON.stringify(readyLine(stack))}\n` : welcome(stack));
  const code = await Promise.race([interrupted, stack.broken]);
  await stack.stop();
  if (code !== 0) process.stderr.write(`A service ended by itself.\nIts log says why: ${stack.dir}/services.log\n`);
  return code;
}

/** The documented shape: see docs/cli.md. */
function readyLine(stack: Stack): object {
  return {
    ready: true,
    dir: stack.dir,
    tenant: stack.tenant,
    agent: stack.agent,
    proxy_url: stack.proxyUrl,
    base_url: stack.baseUrl,
    agent_ca_file: stack.agentCa.file,
    agent_bundle_file: stack.agentCa.bundleFile,
    admin: { url: stack.admin.url, token_file: stack.admin.tokenFile, ca_file: stack.admin.caFile },
    broker: { grpc: stack.brokerGrpc, metrics_url: stack.brokerMetricsUrl },
    sidecar: { metrics_url: stack.sidecarMetricsUrl },
    pids: { broker: stack.brokerPid, sidecar: stack.sidecarPid },
  };
}

function welcome(stack: Stack): string {
  const bold = (text: string) => (process.stdout.isTTY ? styleText('bold', text) : text);
  return `${bold('Leasehold is up.')} State in ${stack.dir}; Ctrl-C ends it.

  ${bold('agent')}     http_proxy=${stack.proxyUrl}   or base URL ${stack.baseUrl}/<credential>/…
            https_proxy too, with SSL_CERT_FILE=${stack.agentCa.bundleFile}
  ${bold('operator')}  leasehold credential add NAME --destination https://api.example.com --header 'Authorization: Bearer {value}' --dir ${stack.dir} < key.txt
            leasehold grant add --agent ${stack.agent} --credential NAME --ttl 5m --dir ${stack.dir}
  ${bold('metrics')}   ${stack.sidecarMetricsUrl}   ${stack.brokerMetricsUrl}
`;
}
