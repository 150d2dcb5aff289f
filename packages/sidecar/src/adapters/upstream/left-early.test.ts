import { Socket } from 'node:net';
import { AppError, parseDestination } from '@leasehold/core';
import HttpProxy from 'http-proxy';
import { expect, test, vi } from 'vitest';
import type { OutgoingRequest, UpstreamEvents } from '../../ports/upstream.ts';
import type { Connected } from './connect.ts';
import { H2Exchange } from './h2-exchange.ts';
import type { H2Pool } from './h2-pool.ts';
import { WebSocketExchange } from './websocket-exchange.ts';

const gone = new AppError('bad_request', 'The agent went away.');
const requestOf = (protocol: OutgoingRequest['protocol']): OutgoingRequest => ({
  protocol,
  credentialId: 'crd_1',
  version: 1,
  destination: parseDestination('https://api.example'),
  host: 'api.example',
  method: 'GET',
  path: '/',
  headers: ['host', 'api.example', 'authorization', 'Bearer canary'],
  secretNames: ['authorization'],
  body: undefined,
});
const events = () =>
  ({
    refusal: vi.fn(() => undefined),
    left: vi.fn(),
    informed: vi.fn(),
    head: vi.fn(),
    data: vi.fn(),
    end: vi.fn(),
    failed: vi.fn(),
  }) satisfies UpstreamEvents;

test('an exchange by HTTP/2 that is aborted while it waits for a stream leaves the line', () => {
  const pool = { enter: vi.fn(), leave: vi.fn(), isIdle: false, destroy: vi.fn() } satisfies H2Pool;
  const exchange = new H2Exchange(pool, { send: vi.fn(), close: vi.fn() }, 1_000, requestOf('h2'), events());
  exchange.abort(gone);
  expect(pool.leave).toHaveBeenCalledWith(exchange);
});

test('a WebSocket that is aborted while it is dialled writes nothing, though its lease lives', async () => {
  const on = events();
  const exchange = new WebSocketExchange(
    HttpProxy.createProxyServer(),
    requestOf('websocket'),
    on,
    { headersTimeoutMs: 1_000, halfOpenMs: 1_000 },
    () => undefined,
  );
  let connected: Connected | undefined;
  exchange.begin((made) => {
    connected = made;
  });
  exchange.abort(gone);
  const socket = new Socket();
  const write = vi.spyOn(socket, 'write').mockReturnValue(true);
  connected?.(null, socket);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect([socket.destroyed, write.mock.calls.length, on.left.mock.calls.length]).toEqual([true, 0, 0]);
});
