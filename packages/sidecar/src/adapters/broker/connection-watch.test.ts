import { type Channel, connectivityState } from '@grpc/grpc-js';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { channelTo } from './channel.ts';
import { type ConnectionWatch, watchConnection } from './connection-watch.ts';
import { certificateFor, type ScriptedServer, startScriptedServer } from './scripted-server.suite.ts';

let server: ScriptedServer;
let channel: Channel;
let connected: ConnectionWatch;

beforeEach(async () => {
  const { certPem, keyPem } = await certificateFor('broker.test');
  server = await startScriptedServer({ certPem, keyPem });
  channel = channelTo({ target: `127.0.0.1:${server.port}`, caPem: certPem, serverName: 'broker.test' });
  connected = watchConnection(channel);
});

afterEach(() => {
  channel.close();
  server.stop();
});

it('tells all who wait when the connection stands, none who gave up, and is silent while it stands', async () => {
  const told: string[] = [];
  const gaveUp = new AbortController();
  const wait = (who: string, ended: AbortSignal) => void connected(ended).then(() => told.push(who));
  const stays = new AbortController().signal;
  wait('a', stays);
  wait('b', stays);
  wait('c', gaveUp.signal);
  gaveUp.abort();
  wait('d', gaveUp.signal);
  channel.getConnectivityState(true);
  await vi.waitFor(() => expect(told).toEqual(['a', 'b']), 10_000);
  wait('e', stays);
  await new Promise((resolve) => setImmediate(resolve));
  expect(told).toEqual(['a', 'b']);
});

it('asks gRPC once, however often somebody waits while the broker is away', async () => {
  const watching = vi.spyOn(channel, 'watchConnectivityState');
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const ended = new AbortController();
    void connected(ended.signal);
    ended.abort();
  }
  expect(watching).toHaveBeenCalledTimes(1);
});

it('of a channel that is closed nobody hears', async () => {
  void connected(new AbortController().signal);
  channel.close();
  expect(channel.getConnectivityState(false)).toBe(connectivityState.SHUTDOWN);
  void connected(new AbortController().signal);
  await new Promise((resolve) => setImmediate(resolve));
});
