import { encode, endWithError, Scope, WatchResponseSchema } from '@leasehold/contract/grpc';
import { AppError } from '@leasehold/core';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { WatchEvents } from '../../ports/broker.ts';
import type { GrpcBroker } from './grpc-broker.ts';
import { certificateFor, type Identity, type ScriptedServer, type ScriptedWatch, startScriptedServer } from './scripted-server.suite.ts';

let identity: Identity;
beforeAll(async () => {
  identity = await certificateFor('broker.test');
});

let server: ScriptedServer;
let broker: GrpcBroker;
beforeEach(async () => {
  server = await startScriptedServer(identity);
  broker = server.connect();
});
afterEach(() => server.stop());

describe('a watch stream', () => {
  const events = (): { on: WatchEvents; told: string[] } => {
    const told: string[] = [];
    const tell =
      (name: string) =>
      (...args: unknown[]): void => {
        told.push(`${name} ${args.map((arg) => (arg instanceof AppError ? arg.code : JSON.stringify(arg))).join(' ')}`);
      };
    const [hello, routes, revoked, pong, reset, ended] = ['hello', 'routes', 'revoked', 'pong', 'reset', 'ended'].map(tell);
    const none = (): void => {};
    return {
      told,
      on: {
        hello: hello ?? none,
        routes: routes ?? none,
        revoked: revoked ?? none,
        pong: pong ?? none,
        reset: reset ?? none,
        ended: ended ?? none,
      },
    };
  };
  const watch = async (on: WatchEvents, ended: AbortSignal): Promise<{ stream: ReturnType<GrpcBroker['watch']>; at: ScriptedWatch }> => {
    const stream = broker.watch({ epoch: 'e1', seq: 4 }, on, ended);
    const at = await vi.waitFor(() => {
      const newest = server.watches.at(-1);
      if (newest === undefined || newest.seen.length === 0) throw new Error('not yet');
      return newest;
    });
    return { stream, at };
  };

  it('says where it starts, tells everything in order, and pings', async () => {
    const life = new AbortController();
    const { on, told } = events();
    const { stream, at } = await watch(on, life.signal);
    expect(at.seen[0]).toMatchObject({ case: 'start', value: { epoch: 'e1', seq: 4n } });
    at.stream.write({
      message: { case: 'hello', value: { epoch: 'e1', cursorSeq: 4n, headSeq: 5n, pingIntervalMs: 1_000, maxStalenessMs: 3_000 } },
    });
    at.stream.write({ message: { case: 'routes', value: { routes: [] } } });
    at.stream.write({ message: { case: 'revoked', value: { seq: 5n, scope: Scope.GRANT, ids: ['g1'], reason: 'rotated' } } });
    at.stream.write({ message: { case: 'pong', value: { id: 1n, headSeq: 5n } } });
    stream.ping(2);
    await vi.waitFor(() => expect(told.length).toBe(4));
    await vi.waitFor(() => expect(at.seen[1]).toMatchObject({ case: 'ping', value: { id: 2n } }));
    expect(told).toEqual([
      'hello {"agentId":"agent-1","agentName":"a","epoch":"e1","cursorSeq":4,"headSeq":5,"pingIntervalMs":1000,"maxStalenessMs":3000}',
      'routes []',
      'revoked {"seq":5,"scope":"grant","ids":["g1"],"reason":"rotated"}',
      'pong 1 5',
    ]);
    life.abort();
  });

  it('confirms a burst of events once, by the last of them', async () => {
    const life = new AbortController();
    const { stream, at } = await watch(events().on, life.signal);
    for (let seq = 5; seq <= 1_000; seq += 1) stream.applied(seq);
    await vi.waitFor(() => expect(at.seen.length).toBe(2));
    expect(at.seen[1]).toMatchObject({ case: 'applied', value: { seq: 1_000n } });
    stream.applied(1_001);
    await vi.waitFor(() => expect(at.seen.length).toBe(3));
    life.abort();
  });

  it('ends once, when its owner says so', async () => {
    const life = new AbortController();
    const { on, told } = events();
    const { at } = await watch(on, life.signal);
    const cancelled = new Promise((resolve) => at.stream.once('cancelled', resolve));
    life.abort();
    await cancelled;
    expect(told.length).toBe(1);
    expect(told[0]).toMatch(/^ended/);
  });

  it('that the broker ends over its session opens a new session next time', async () => {
    const life = new AbortController();
    const { on, told } = events();
    const { at } = await watch(on, life.signal);
    endWithError(at.stream, new AppError('identity_invalid', 'session over'));
    await vi.waitFor(() => expect(told).toEqual(['ended identity_invalid']));
    await broker.acquire('c1');
    expect(server.opens.length).toBe(2);
    life.abort();
  });

  it('ends at a message that it can not read, and nothing behind it is told', async () => {
    const life = new AbortController();
    const { on, told } = events();
    const { at } = await watch(on, life.signal);
    at.stream.write(encode(WatchResponseSchema, { message: { case: 'revoked', value: { seq: 5n, scope: Scope.UNSPECIFIED, ids: [] } } }));
    at.stream.write({ message: { case: 'pong', value: { id: 1n, headSeq: 5n } } });
    await vi.waitFor(() => expect(told).toEqual(['ended internal']));
    await broker.acquire('c1');
    expect(told).toEqual(['ended internal']);
    life.abort();
  });

  it('says so when no session can be had', async () => {
    server.goDown();
    const { on, told } = events();
    broker.watch(undefined, on, new AbortController().signal);
    expect(told).toEqual([]);
    await vi.waitFor(() => expect(told).toEqual(['ended broker_unreachable']));
  });
});
