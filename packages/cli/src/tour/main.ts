// `npm start`: the product's main job on one machine, with a vendor's API and an agent to see it work.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { AppError } from '@leasehold/core';
import { startStack } from '../dev/start-stack.ts';
import { createOperator, startAgent, startVendor } from './actors.ts';
import { createScreen } from './screen.ts';
import { takeTour } from './steps.ts';

const defaultPort = 7480;

async function tour(): Promise<number> {
  const { once, port } = readArguments();
  const screen = createScreen(process.stdout, process.env);
  const dir = await mkdtemp(join(tmpdir(), 'leasehold-tour-'));
  const stops: (() => Promise<void> | void)[] = [() => rm(dir, { recursive: true, force: true })];
  // Heard each time: npm passes a Ctrl-C on that the terminal sent us already, and the second one must not end the tidying up.
  const interrupted = new Promise<number>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolve(0));
  });
  try {
    screen.title('Leasehold, from the first call to the last: a broker, a sidecar, a vendor’s API, and an agent without a key.');
    const vendor = await startVendor();
    stops.push(vendor.stop);
    const stack = await startStack({ dir, port });
    stops.push(stack.stop);
    const agent = startAgent(stack.proxyUrl);
    stops.push(agent.stop);
    const vendorCaFile = join(dir, 'vendor-ca.pem');
    await writeFile(vendorCaFile, vendor.certPem);
    screen.fact(
      `broker pid ${stack.brokerPid} · sidecar pid ${stack.sidecarPid}, ${stack.proxyUrl} · vendor ${vendor.url} · agent pid ${agent.pid}`,
    );
    const operator = createOperator(dir);
    await takeTour({ screen, operator, agent, vendor, baseUrl: stack.baseUrl, vendorCaFile });
    if (once) return 0;
    await operator(['credential', 'resume', 'vendor']);
    screen.title('Everything stays up until you press Ctrl-C. The credential is active again; try, from another terminal:');
    screen.block(
      [
        `curl -s ${stack.baseUrl}/vendor/v1/whoami`,
        `npm run -s leasehold -- credential suspend vendor --wait --dir ${dir}`,
        `npm run -s leasehold -- lease list --dir ${dir}`,
        `npm run -s leasehold -- audit tail --dir ${dir}`,
        `curl -s ${stack.sidecarMetricsUrl} | grep leasehold_`,
      ].join('\n'),
    );
    return await Promise.race([interrupted, stack.broken]);
  } finally {
    for (const stop of stops.reverse()) await stop();
  }
}

function readArguments(): { readonly once: boolean; readonly port: number } {
  const { values } = parseArgs({ options: { once: { type: 'boolean', default: false }, port: { type: 'string' } } });
  // Without a terminal nobody could press Ctrl-C.
  const once = values.once || !process.stdout.isTTY;
  const text = values.port ?? (once ? '0' : String(defaultPort));
  const port = /^\d{1,5}$/.test(text) ? Number(text) : -1;
  if (port < 0 || port > 65_535)
    throw new AppError('invalid_argument', `--port ${text} is not a port. Give a number from 0 (any free one) to 65535.`);
  return { once, port };
}

try {
  process.exitCode = await tour();
} catch (thrown) {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  process.stderr.write(`\nThe tour stopped: ${message}\n`);
  process.exitCode = 1;
}
process.exit();
