import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { passBlind } from './blind-tunnel.ts';

const opened: { destroy(): void }[] = [];

afterEach(() => {
  for (const each of opened.splice(0)) each.destroy();
});

/** Both ends of a connection. */
async function pair(): Promise<{ near: Socket; far: Socket }> {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const far = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true });
  const [near] = (await once(server, 'connection')) as [Socket];
  server.close();
  opened.push(near, far);
  return { near, far };
}

test.each([false, true])('an agent that reads slowly is sent the end of a download (it has ended its half: %s)', async (hasEnded) => {
  const agent = await pair();
  const vendor = await pair();
  passBlind(agent.near, vendor.near, 60_000);
  if (hasEnded) {
    agent.far.end('question');
    await once(vendor.far, 'readable');
  }
  let sent = 0;
  // Until the kernel takes no more for the agent, and the rest waits in the tunnel.
  while (agent.near.writableLength === 0) {
    sent += 1_000;
    vendor.far.write(Buffer.alloc(1_000));
    await new Promise((resolve) => setImmediate(resolve));
  }
  vendor.far.end();
  if (hasEnded) await once(vendor.near, 'close');
  else await once(vendor.near, 'end');
  let received = 0;
  agent.far.on('data', (chunk: Buffer) => {
    received += chunk.length;
  });
  agent.far.once('end', () => agent.far.end());
  await once(agent.far, 'close');
  expect(received).toBe(sent);
});
