import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import {
  type ClientHttp2Session,
  connect as connectHttp2,
  createSecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { openTunnel, tlsInside } from '../data-path/tunnels.ts';
import { throughBaseUrl, throughProxy } from '../harness/agent-http.ts';
import { createTestCa } from '../harness/certificates.ts';
import { type DevStack, startDevStack } from '../harness/dev-stack.ts';
import { addCredential, eventually } from '../harness/lending.ts';
import { startVendor, type Vendor } from '../harness/vendor.ts';

/** What is left of a value in a sidecar's memory once its lease is gone, and garbage is collected (THREATS 28). */

let dir: string;
let stack: DevStack;
let vendor: Vendor;
let child: ChildProcess;
let proxyPort: number;

const canary = (name: string) => `canary-${name}-5f0c27d1e94b`;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'leasehold-memory-'));
  vendor = await startVendor({
    answer: (request, response) => response.end(request.url?.startsWith('/echo') ? JSON.stringify(request.headers) : 'fine'),
  });
  stack = await startDevStack();
  const tokenFile = join(dir, 'agent.token');
  await stack.ok(['agent', 'add', 'looked-into', '--token-file', tokenFile]);
  const { broker } = stack.ready;
  const caFile = stack.ready.admin.ca_file;
  const flags = [
    '--broker',
    broker.grpc,
    '--broker-ca-file',
    caFile,
    '--agent-token-file',
    tokenFile,
    '--proxy-port',
    '0',
    '--metrics-port',
    '0',
  ];
  child = fork(join(import.meta.dirname, 'sidecar-process.ts'), flags, {
    // Otherwise a snapshot holds no more than the first 1,024 characters of a string.
    execArgv: ['--expose-gc', '--heap-snapshot-string-limit=1000000', '--disable-warning=ExperimentalWarning'],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  ({ proxyPort } = await said<{ proxyPort: number }>());
});

afterAll(async () => {
  child?.kill('SIGKILL');
  await stack?.close();
  await vendor?.close();
  await rm(dir, { recursive: true });
});

function said<T>(): Promise<T> {
  return new Promise((resolve, reject) => {
    child.once('message', (message: T & { failed?: string }) =>
      message.failed === undefined ? resolve(message) : reject(new Error(message.failed)),
    );
    child.once('exit', (code) => reject(new Error(`the sidecar ended with ${code}`)));
  });
}

/** How often the value is in the sidecar's memory, in any of these spellings. */
async function left(value: string): Promise<{ readonly buffers: number; readonly strings: number }> {
  const path = join(dir, 'memory');
  child.send({ dump: path });
  await said();
  const buffers = await readFile(`${path}.buffers`);
  const snapshot = await readFile(`${path}.heapsnapshot`);
  const spellings = [
    value,
    Buffer.from(value).toString('base64').slice(0, 28),
    Buffer.from(`user:${value}`).toString('base64').slice(8, 36),
  ];
  const times = (bytes: Buffer) => spellings.reduce((count, each) => count + bytes.toString('latin1').split(each).length - 1, 0);
  return { buffers: times(buffers), strings: times(snapshot) };
}

/** One message there and back; false when there is no route yet. */
async function talk(name: string): Promise<boolean> {
  const socket = new WebSocket(`ws://127.0.0.1:${proxyPort}/${name}/live`);
  const isOpen = await new Promise<boolean>((resolve) => {
    socket.on('open', () => socket.send('hello'));
    socket.on('message', () => resolve(true));
    socket.on('error', () => resolve(false));
  });
  socket.terminate();
  return isOpen;
}

/** Through a tunnel, by ALPN; undefined when there is no route yet. */
async function openSession(port: number): Promise<ClientHttp2Session | undefined> {
  const authority = `localhost:${port}`;
  const tunnel = await openTunnel(proxyPort, authority).catch(() => undefined);
  if (tunnel === undefined) return undefined;
  const { tls } = await tlsInside(tunnel, { servername: 'localhost', ALPNProtocols: ['h2'], rejectUnauthorized: false });
  tls.removeAllListeners('data');
  return connectHttp2(`https://${authority}`, { createConnection: () => tls });
}

/** The value goes out behind other headers, in one string with them. */
async function lend(name: string, headers = { 'x-long': 'x'.repeat(2_048) }): Promise<void> {
  await addCredential(stack, vendor, { name, value: canary(name), extra: ['--path', `/${name}`] });
  await stack.ok(['grant', 'add', '--agent', 'looked-into', '--credential', name, '--ttl', '5m']);
  const call = () => throughBaseUrl(proxyPort, `/${name}/${name}`, { headers });
  await eventually(call, ({ status }) => status === 200);
  for (let count = 0; count < 20; count += 1) await call();
  await throughProxy(proxyPort, `${vendor.url.replace('https:', 'http:')}/${name}`);
}

describe('the value of a lease', () => {
  test('is in memory while it is lent, so that the search would find it', async () => {
    await lend('lent');
    const { buffers, strings } = await left(canary('lent'));
    expect(buffers).toBeGreaterThan(0);
    expect(strings).toBeGreaterThan(0);
  });

  test('INV-5, INV-15: is in no buffer and in no string once the lease was revoked', async () => {
    await lend('revoked');
    await stack.ok(['credential', 'suspend', 'revoked', '--wait']);
    expect(await left(canary('revoked'))).toEqual({ buffers: 0, strings: 0 });
  });

  test('that went out with the handshake of a WebSocket is in no buffer and in no string once the lease was revoked', async () => {
    const name = 'websocket';
    const identity = await createTestCa('WebSocket vendor CA');
    const { certPem, keyPem } = await identity.issue(['localhost']);
    const server = createServer({ cert: certPem, key: keyPem }).listen(0, '127.0.0.1');
    const sockets = new WebSocketServer({ server });
    sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(data)));
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    try {
      await addCredential(stack, { url: `https://localhost:${port}`, port, caPem: identity.caPem }, { name, value: canary(name) });
      await stack.ok(['grant', 'add', '--agent', 'looked-into', '--credential', name]);
      await eventually(
        () => talk(name),
        (isOpen) => isOpen,
      );
      await stack.ok(['credential', 'suspend', name, '--wait']);
      expect(await left(canary(name))).toEqual({ buffers: 0, strings: 0 });
    } finally {
      sockets.close();
      server.close();
    }
  });

  test('that went out by HTTP/2 is in no buffer and in no string once the lease was revoked, while the connection is still open', async () => {
    const name = 'http2';
    const identity = await createTestCa('HTTP/2 vendor CA');
    const { certPem, keyPem } = await identity.issue(['localhost']);
    const seen: unknown[] = [];
    const server = createSecureServer({ cert: certPem, key: keyPem }).listen(0, '127.0.0.1');
    server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
      seen.push(headers['x-api-key']);
      stream.respond({ ':status': 200 }, { endStream: true });
    });
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    let session: ClientHttp2Session | undefined;
    try {
      const injection = ['--header', 'X-Api-Key: {value}'];
      const api = { url: `https://localhost:${port}`, port, caPem: identity.caPem };
      await addCredential(stack, api, { name, value: canary(name), injection });
      await stack.ok(['grant', 'add', '--agent', 'looked-into', '--credential', name]);
      session = await eventually(
        () => openSession(port),
        (opened) => opened !== undefined,
      );
      for (let count = 0; count < 20; count += 1) await once(session?.request({ ':path': '/x' }).resume() ?? server, 'close');
      expect(seen).toEqual(Array(20).fill(canary(name)));
      await stack.ok(['credential', 'suspend', name, '--wait']);
      expect(await left(canary(name))).toEqual({ buffers: 0, strings: 0 });
    } finally {
      session?.destroy();
      server.close();
    }
  });

  test('handed back by a vendor it is, after the revocation, in the HTTP parser’s own memory at most, until the next answer', async () => {
    await lend('echo', { 'x-long': 'short' });
    await stack.ok(['credential', 'suspend', 'echo', '--wait']);
    const { buffers, strings } = await left(canary('echo'));
    expect(strings).toBe(0);
    expect(buffers).toBeLessThanOrEqual(1);
  });

  test('is in no buffer and in no string once the sidecar is out of step', async () => {
    await lend('stale');
    process.kill(stack.ready.pids.broker, 'SIGSTOP');
    try {
      await eventually(
        () => throughBaseUrl(proxyPort, '/stale/stale'),
        ({ status }) => status === 503,
      );
      expect(await left(canary('stale'))).toEqual({ buffers: 0, strings: 0 });
    } finally {
      process.kill(stack.ready.pids.broker, 'SIGCONT');
    }
  });
});
