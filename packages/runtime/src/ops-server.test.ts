import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startOpsServer } from './ops-server.ts';

const end = new AbortController();
let origin: string;
let shown: object | undefined;
const ready = async () => ({ ready: false, why: 'out of step' });

beforeAll(async () => {
  const pages = { '/facts': () => shown };
  const { port } = await startOpsServer({ host: '127.0.0.1', port: 0, registry: new Registry(), ready, pages }, end.signal);
  origin = `http://127.0.0.1:${port}`;
});
afterAll(() => end.abort());

test('a page that has nothing to show yet answers 503, and then what there is', async () => {
  expect((await fetch(`${origin}/facts`)).status).toBe(503);
  shown = { fact: 1 };
  const answer = await fetch(`${origin}/facts`);
  expect([answer.status, answer.headers.get('content-type'), await answer.json()]).toEqual([200, 'application/json', { fact: 1 }]);
});

test('THREATS 16: a page is shown under an address alone, so that no name of somebody’s leads to it', async () => {
  const statusFor = (host: string, path: string) =>
    new Promise<number | undefined>((resolve) => {
      request(origin + path, { headers: { host } }, (answer) => resolve(answer.resume().statusCode)).end();
    });
  shown = { fact: 1 };
  for (const host of ['127.0.0.1:1', 'localhost', '[::1]:1', '10.0.0.1'])
    expect([host, await statusFor(host, '/facts')]).toEqual([host, 200]);
  for (const host of ['evil.example', 'localhost.evil.example:1', '127.0.0.1.evil.example'])
    expect([host, await statusFor(host, '/facts')]).toEqual([host, 421]);
  expect(await statusFor('sidecar.svc', '/livez')).toBe(200);
});

test('nothing on it takes a change', async () => {
  for (const path of ['/facts', '/readyz', '/metrics'])
    expect([path, (await fetch(origin + path, { method: 'POST' })).status]).toEqual([path, 405]);
});

test('a path that is not there names those that are', async () => {
  const answer = await fetch(`${origin}/constructor`);
  expect([answer.status, await answer.text()]).toEqual([404, 'try /livez, /readyz, /metrics, /facts\n']);
});

test('readiness says what is missing', async () => {
  const answer = await fetch(`${origin}/readyz`);
  expect([answer.status, await answer.text()]).toEqual([503, 'not ready: out of step\n']);
});

test('whoever holds connections and asks nothing keeps no probe out', async () => {
  const limits = { maxConnections: 3 };
  const { port } = await startOpsServer({ host: '127.0.0.1', port: 0, registry: new Registry(), ready, limits }, end.signal);
  const dial = async () => {
    const socket = connect(port, '127.0.0.1').resume();
    await once(socket, 'connect');
    return socket;
  };
  const first = await dial();
  const closed = once(first, 'close');
  const others = [await dial(), await dial()];
  expect((await fetch(`http://127.0.0.1:${port}/livez`)).status).toBe(200);
  await closed;
  for (const socket of others) socket.destroy();
});

test('a request that does not arrive is not waited for', async () => {
  const limits = { requestTimeoutMs: 20 };
  const { port } = await startOpsServer({ host: '127.0.0.1', port: 0, registry: new Registry(), ready, limits }, end.signal);
  const socket = connect(port, '127.0.0.1').resume();
  socket.write('GET /livez HTTP/1.1\r\n');
  await once(socket, 'close');
});
