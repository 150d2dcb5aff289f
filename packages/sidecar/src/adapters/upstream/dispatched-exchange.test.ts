import { AppError, parseDestination } from '@leasehold/core';
import type { Client, Dispatcher } from 'undici';
import { expect, test, vi } from 'vitest';
import type { OutgoingRequest, UpstreamEvents } from '../../ports/upstream.ts';
import type { ConnectionPool } from './connection-pool.ts';
import { DispatchedExchange } from './dispatched-exchange.ts';

const request: OutgoingRequest = {
  protocol: 'http/1.1',
  credentialId: 'crd_1',
  version: 1,
  destination: parseDestination('https://api.example'),
  host: 'api.example',
  method: 'GET',
  path: '/',
  headers: [],
  secretNames: [],
  body: undefined,
};

test('what was aborted while its connection was still being dialled is not sent, though its lease lives', () => {
  const on = {
    refusal: vi.fn(() => undefined),
    left: vi.fn(),
    informed: vi.fn(),
    head: vi.fn(),
    data: vi.fn(),
    end: vi.fn(),
    failed: vi.fn(),
  } satisfies UpstreamEvents;
  const pool = { enter: vi.fn(), leave: vi.fn(), release: vi.fn(), isIdle: false, destroy: vi.fn() } satisfies ConnectionPool;
  const handlers: Dispatcher.DispatchHandler[] = [];
  const client = { dispatch: (_: unknown, handler: Dispatcher.DispatchHandler) => handlers.push(handler) > 0 } as unknown as Client;
  const exchange = new DispatchedExchange(pool, request, on);
  exchange.begin(client);
  const gone = new AppError('bad_request', 'The agent went away.');
  exchange.abort(gone);
  const controller = { abort: vi.fn(), pause: vi.fn(), resume: vi.fn(), aborted: false, paused: false, reason: null };
  handlers[0]?.onRequestStart?.(controller as unknown as Dispatcher.DispatchController, {});
  expect(controller.abort).toHaveBeenCalledWith(gone);
  expect(on.left).not.toHaveBeenCalled();
});
