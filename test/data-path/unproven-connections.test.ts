import { afterAll, beforeAll, expect, test } from 'vitest';
import { createIdentify } from '../../packages/sidecar/src/adapters/proxy/identify.ts';
import { createUnprovenConnections } from '../../packages/sidecar/src/adapters/proxy/unproven-connections.ts';
import type { AgentService } from '../../packages/sidecar/src/ports/agent-service.ts';
import { eventually } from '../harness/lending.ts';
import { type DataPath, startDataPath } from './rig.ts';
import { openPeer, type Peer } from './sockets.ts';

const service: AgentService = {
  handle: (_, reply) => {
    reply.start(200, ['content-length', '2'], false);
    reply.write(Buffer.from('ok'));
    reply.end([]);
    return { drained: () => undefined, stalled: () => undefined, abandoned: () => undefined };
  },
  judgeTunnel: () => ({ kind: 'intercept' }),
  recordTunnel: () => undefined,
  keep: () => () => undefined,
};
const unproven = createUnprovenConnections({ maxPerAddress: 2 });
const serviceFor = createIdentify({
  // Whoever shows a token is known.
  agents: {
    serviceFor: ({ token, onProven }) => {
      if (token !== undefined) onProven();
      return service;
    },
  },
  unproven,
  now: Date.now,
});
let path: DataPath;

beforeAll(async () => {
  path = await startDataPath({ proxy: { serviceFor, onAccepted: unproven.accepted } });
});
afterAll(() => path.close());

function ask(peer: Peer, proof: string): Promise<string> {
  peer.received = '';
  peer.write(`GET /api/x HTTP/1.1\r\nHost: 127.0.0.1:${path.port}\r\n${proof}\r\n`);
  return peer.until(/ok$/);
}

test('THREATS 34: connections without proof fill their own places alone, and one that ends or proves an agent makes room', async () => {
  const [first, second] = await Promise.all([openPeer(path.port), openPeer(path.port)]);
  await Promise.all([ask(first, ''), ask(second, '')]);
  expect((await (await openPeer(path.port)).closed()).received).toBe('');
  // Now it is an agent's, and its place is free.
  await ask(first, 'Proxy-Authorization: Bearer lha_x\r\n');
  const third = await openPeer(path.port);
  await ask(third, '');
  expect((await (await openPeer(path.port)).closed()).received).toBe('');
  second.socket.destroy();
  // The proxy hears of it a moment later than we do.
  const answered = async () => {
    const fourth = await openPeer(path.port);
    const answer = await ask(fourth, '').catch(() => '');
    fourth.socket.destroy();
    return answer;
  };
  expect(await eventually(answered, (answer) => answer !== '')).toMatch(/ok$/);
  for (const { socket } of [first, third]) socket.destroy();
});
