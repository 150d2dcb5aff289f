import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import type { Authority } from '@leasehold/core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createHttpConnections } from '../../packages/sidecar/src/adapters/proxy/http-connections.ts';
import type { Inbound } from '../../packages/sidecar/src/adapters/proxy/inbound.ts';
import type { Target } from '../../packages/sidecar/src/domain/route.ts';
import type { AgentService } from '../../packages/sidecar/src/ports/agent-service.ts';
import { exchangeBytes, parseAnswer } from './sockets.ts';

const targets: Target[] = [];
const service: AgentService = {
  handle: ({ target }, reply) => {
    targets.push(target);
    reply.start(204, [], true);
    reply.end([]);
    return { drained: () => undefined, stalled: () => undefined, abandoned: () => undefined };
  },
  judgeTunnel: () => ({ kind: 'intercept' }),
  recordTunnel: () => undefined,
  keep: () => () => undefined,
};
const authority: Authority = { scheme: 'https', host: 'api.example.com', port: 443 };

let inbound: Inbound;
let accepting: Server;
let port: number;

beforeAll(async () => {
  const connections = createHttpConnections({
    serviceFor: () => service,
    onRefused: () => undefined,
    headTimeoutMs: 5_000,
    bodyIdleMs: 5_000,
  });
  accepting = createServer((socket) => connections.accept(socket, inbound)).listen(0, '127.0.0.1');
  await once(accepting, 'listening');
  const address = accepting.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  port = address.port;
});

afterAll(() => accepting.close());

async function ask(
  from: Inbound,
  target: string,
  host: string,
): Promise<{ status: number; code: string | undefined; target: Target | undefined }> {
  inbound = from;
  targets.length = 0;
  const text = await exchangeBytes(port, `GET ${target} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`);
  const { status, headers } = parseAnswer(text);
  return { status, code: headers['x-leasehold-error'], target: targets[0] };
}

const tunnel: Inbound = { kind: 'tunnel', authority, service };
const wanted = { way: 'proxy', ...authority, method: 'GET', path: '/x' };

test.each([
  ['origin-form', '/x?q', 'api.example.com'],
  ['its port written out', '/x', 'api.example.com:443'],
  ['another letter case and a final dot', '/x', 'API.Example.com.'],
  ['absolute-form', 'https://api.example.com/x', 'api.example.com'],
])('in a tunnel a request is addressed to the authority of the tunnel: %s', async (_, target, host) => {
  expect(await ask(tunnel, target, host)).toEqual({ status: 204, code: undefined, target: wanted });
});

test.each([
  ['another Host', '/x', 'evil.example'],
  ['another port', '/x', 'api.example.com:8443'],
  ['a URL of another host', 'https://evil.example/x', 'evil.example'],
  ['a URL in the clear', 'http://api.example.com:443/x', 'api.example.com:443'],
  ['a URL that Host disagrees with', 'https://api.example.com/x', 'evil.example'],
])('INV-8: in a tunnel %s is 421, and nothing is asked for', async (_, target, host) => {
  expect(await ask(tunnel, target, host)).toEqual({ status: 421, code: 'authority_mismatch', target: undefined });
});

test('what was redirected is addressed to what Host says, and the base URL is not looked for there', async () => {
  expect((await ask({ kind: 'redirected' }, '/api/x', 'api.example.com')).target).toEqual({
    way: 'proxy',
    scheme: 'http',
    host: 'api.example.com',
    port: 80,
    method: 'GET',
    path: '/api/x',
  });
});
