import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { afterAnswers } from './after-answers.ts';
import { responseOn } from './response-on.ts';

let incoming: IncomingMessage;
let response: ServerResponse;
const server = createServer({ keepAliveTimeout: 75_000 });
let agent: ReturnType<typeof connect>;

beforeEach(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  agent = connect(address !== null && typeof address !== 'string' ? address.port : 0, '127.0.0.1').on('error', () => undefined);
  agent.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
  [incoming, response] = await once(server, 'request');
});

afterEach(async () => {
  agent.destroy();
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

test('an answer that has ended leaves first, and the connection is not taken for an idle one', async () => {
  const { socket } = incoming;
  response.end('done');
  const handedOver = new Promise<void>((resolve) => afterAnswers(socket, resolve));
  expect(responseOn(socket)).toBe(response);
  await handedOver;
  expect([responseOn(socket), socket.timeout]).toEqual([undefined, 0]);
});

test('a connection without an answer on it is handed over at once', async () => {
  response.end('done');
  await once(response, 'close');
  let isHandedOver = false;
  afterAnswers(incoming.socket, () => {
    isHandedOver = true;
  });
  expect(isHandedOver).toBe(true);
});

test('an agent that did not wait for its answer is cut off', async () => {
  let isHandedOver = false;
  afterAnswers(incoming.socket, () => {
    isHandedOver = true;
  });
  await once(agent, 'close');
  expect(isHandedOver).toBe(false);
});

/** Another request behind the first. */
async function pipelined(): Promise<ServerResponse> {
  agent.write('GET /second HTTP/1.1\r\nhost: x\r\n\r\n');
  const [, second] = await once(server, 'request');
  return second;
}

test('several answers that have ended leave first, in their order', async () => {
  const second = await pipelined();
  const { socket } = incoming;
  response.end('one');
  second.end('two');
  await new Promise<void>((resolve) => afterAnswers(socket, resolve));
  expect([second.writableFinished, responseOn(socket), socket.timeout]).toEqual([true, undefined, 0]);
});

test('an agent that did not wait for a later one of several answers is cut off', async () => {
  await pipelined();
  response.end('one');
  let isHandedOver = false;
  afterAnswers(incoming.socket, () => {
    isHandedOver = true;
  });
  await once(agent.resume(), 'close');
  expect(isHandedOver).toBe(false);
});
