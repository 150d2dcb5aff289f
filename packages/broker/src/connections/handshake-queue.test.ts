import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect as connectTcp, createServer, type Server, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { afterEach, beforeAll, expect, it, vi } from 'vitest';
import { testCertificate } from '../adapters/grpc/wired.suite.ts';
import { createHandshakeQueue, type HandshakeQueueOptions } from './handshake-queue.ts';

let tls: HandshakeQueueOptions['tls'];
beforeAll(async () => {
  tls = await testCertificate();
});

let listener: Server;
let clients: Socket[] = [];
afterEach(async () => {
  for (const client of clients) client.destroy();
  clients = [];
  listener.close();
  await once(listener, 'close');
});

/** Resolves with what opens clients, and those that came through. */
async function listen(changes: Partial<HandshakeQueueOptions>) {
  const secure: TLSSocket[] = [];
  const queue = createHandshakeQueue({
    tls,
    protocol: 'h2',
    atOnce: 2,
    patienceMs: 60_000,
    timeoutMs: 60_000,
    onBegin: () => {},
    onSecure: (socket) => secure.push(socket),
    ...changes,
  });
  listener = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    queue.admit(socket);
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  const kept = <S extends Socket>(client: S): S => {
    clients.push(client.on('error', () => client.destroy()));
    return client;
  };
  return {
    queue,
    secure,
    /** Resolves once the listener has it. */
    async openSilent(localAddress = '127.0.0.1') {
      const accepted = once(listener, 'connection');
      const client = kept(connectTcp({ port, host: '127.0.0.1', localAddress }));
      await accepted;
      return client;
    },
    openTls: (localAddress = '127.0.0.1', ca = tls.certPem) => {
      const socket = connectTcp({ port, host: '127.0.0.1', localAddress });
      return kept(connectTls({ socket, ca, servername: 'broker.test', ALPNProtocols: ['h2'] }));
    },
  };
}

it('no more than so many handshakes are under way; who leaves makes room for the next', async () => {
  const { secure, openSilent, openTls } = await listen({});
  const silent = [await openSilent(), await openSilent()];
  const third = openTls();
  await once(third, 'connect');
  // What it says lies in the socket as long as its turn has not come; a round trip over another connection shows that nothing was done.
  const fourth = await openSilent();
  fourth.destroy();
  expect(secure.length).toBe(0);
  silent[0]?.destroy();
  await once(third, 'secureConnect');
  expect(third.alpnProtocol).toBe('h2');
  await vi.waitFor(() => expect(secure.length).toBe(1));
});

it('who dawdles holds up nobody for longer than the patience', async () => {
  const { openSilent, openTls } = await listen({ patienceMs: 20 });
  await openSilent();
  await openSilent();
  await once(openTls(), 'secureConnect');
});

it('addresses take turns: who floods waits behind itself', async () => {
  const { openSilent, openTls } = await listen({ atOnce: 1, patienceMs: 600_000 });
  const underWay = await openSilent();
  const first = openTls('127.0.0.2');
  await once(first, 'connect');
  for (let n = 0; n < 5; n += 1) await openSilent('127.0.0.2');
  const other = openTls('127.0.0.3');
  await once(other, 'connect');
  underWay.destroy();
  await Promise.all([once(first, 'secureConnect'), once(other, 'secureConnect')]);
});

it('a handshake that takes too long is cut', async () => {
  const { openSilent } = await listen({ timeoutMs: 20 });
  await once(await openSilent(), 'close');
});

it('another certificate is for handshakes that begin later, and costs no connection', async () => {
  const { queue, secure, openTls } = await listen({});
  const fingerprint = (client: TLSSocket) => client.getPeerX509Certificate()?.fingerprint256;
  const before = openTls();
  await once(before, 'secureConnect');
  const renewed = await testCertificate();
  queue.use(renewed);
  const after = openTls('127.0.0.1', renewed.certPem);
  await once(after, 'secureConnect');
  expect([before, after].map(fingerprint)).toEqual([tls, renewed].map(({ certPem }) => new X509Certificate(certPem).fingerprint256));
  await vi.waitFor(() => expect(secure.length).toBe(2));
  secure[0]?.write('still here');
  expect(String((await once(before, 'data'))[0])).toBe('still here');
  expect(after.alpnProtocol).toBe('h2');
});
