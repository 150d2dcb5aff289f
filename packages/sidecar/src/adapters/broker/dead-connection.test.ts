import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { WatchEvents } from '../../ports/broker.ts';
import type { GrpcBroker } from './grpc-broker.ts';
import { certificateFor, type ScriptedServer, startScriptedServer } from './scripted-server.suite.ts';

/** A network that takes the first connection and swallows what comes over it; later ones go through. */
let network: Server;
let taken: Socket[];
let server: ScriptedServer;
let broker: GrpcBroker;

beforeEach(async () => {
  server = await startScriptedServer(await certificateFor('broker.test'));
  taken = [];
  network = createServer((socket) => {
    taken.push(socket);
    socket.on('error', () => socket.destroy());
    if (taken.length === 1) socket.resume();
    else socket.pipe(connect(server.port, '127.0.0.1')).pipe(socket);
  });
  network.listen(0, '127.0.0.1');
  await once(network, 'listening');
  broker = server.connect({ target: `127.0.0.1:${(network.address() as AddressInfo).port}`, deadlineMs: 200 });
});

afterEach(async () => {
  server.stop();
  for (const socket of taken) socket.destroy();
  network.close();
  await once(network, 'close');
});

/** Resolves when the stream is over. */
async function watchOnce(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const nothing = (): void => undefined;
  const on: WatchEvents = { hello: nothing, routes: nothing, revoked: nothing, pong: nothing, reset: nothing, ended: () => resolve() };
  broker.watch(undefined, on, new AbortController().signal);
  await promise;
}

it('a handshake that the network swallowed is given up after half a minute, and not before', async () => {
  await watchOnce();
  server.nowMs = 29_999;
  await watchOnce();
  expect(taken.length).toBe(1);
  server.nowMs = 30_000;
  const isServed = vi.waitFor(() => expect(server.watches.length).toBe(1), 10_000);
  // On a busy machine a handshake may take longer than a call may.
  while (server.watches.length === 0) await Promise.race([watchOnce(), isServed]);
  expect(taken.length).toBe(2);
});
