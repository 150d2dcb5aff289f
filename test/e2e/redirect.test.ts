import { once } from 'node:events';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { exchangeBytes, parseAnswer } from '../data-path/sockets.ts';
import { type DevStack, startDevStack } from '../harness/dev-stack.ts';
import { addCredential, eventually, grant } from '../harness/lending.ts';
import { type RunningService, startService } from '../harness/service.ts';
import { startVendor, type Vendor } from '../harness/vendor.ts';

const secret = 'sk-canary-redirected-0123456789';
let stack: DevStack;
let vendor: Vendor;
let sidecar: RunningService;

const beside = () => [
  '--broker',
  stack.ready.broker.grpc,
  '--broker-ca-file',
  stack.ready.admin.ca_file,
  ...['--proxy-port', '0', '--metrics-port', '0', '--redirect-http-port', '0', '--redirect-tls-port', '0'],
];

beforeAll(async () => {
  vendor = await startVendor();
  stack = await startDevStack();
  await addCredential(stack, vendor, { name: 'api', value: secret });
  sidecar = await startService('sidecar', [
    ...beside(),
    ...['--agent-token-file', join(stack.dir, 'agent.token'), '--ca-dir', join(stack.dir, 'redirect-ca'), '--unmatched', 'tunnel'],
  ]);
});

afterAll(async () => {
  await sidecar?.stop();
  await stack?.close();
  await vendor?.close();
});

const ask = async (port: string, text: string) => parseAnswer(await exchangeBytes(Number(sidecar.facts[port]), text));
const get = () => ask('redirect_http_port', `GET /x HTTP/1.1\r\nhost: localhost:${vendor.port}\r\nconnection: close\r\n\r\n`);

test('INV-1: what is redirected is refused without the grant, and goes out with the secret with it', async () => {
  const before = await eventually(get, ({ headers }) => headers['x-leasehold-error'] !== 'out_of_step');
  expect([before.status, before.headers['x-leasehold-error'], vendor.seen]).toEqual([403, 'no_route', []]);
  await grant(stack, 'api');
  const { status } = await eventually(get, (answer) => answer.status === 200);
  expect([status, vendor.seen.at(-1)?.headers.authorization]).toEqual([200, `Bearer ${secret}`]);
});

test('redirected TLS that is refused, here for a metadata service, ends with the alert for it', async () => {
  const tls = connectTls({
    port: Number(sidecar.facts.redirect_tls_port),
    host: '127.0.0.1',
    servername: 'metadata.google.internal',
    rejectUnauthorized: false,
  });
  await expect(once(tls, 'secureConnect')).rejects.toThrow(/unrecognized name|alert number 112/i);
});

test('--unmatched tunnel reaches for public addresses alone', async () => {
  const authority = '127.0.0.1:443';
  const { status, headers } = await ask('proxy_port', `CONNECT ${authority} HTTP/1.1\r\nhost: ${authority}\r\n\r\n`);
  // Without the setting it would be no_route.
  expect([status, headers['x-leasehold-error']]).toEqual([403, 'address_forbidden']);
});

test('a gateway takes no redirected connections: they can prove nothing', async () => {
  await expect(startService('sidecar', [...beside(), '--mode', 'gateway'])).rejects.toThrow(
    /--redirect-http-port belongs to --mode sidecar[\s\S]*--redirect-tls-port belongs to --mode sidecar/,
  );
});
