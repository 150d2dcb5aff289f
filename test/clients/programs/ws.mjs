import { once } from 'node:events';
import WebSocket from 'ws';
import { runSteps } from './steps.mjs';

function open(url) {
  const socket = new WebSocket(url);
  return new Promise((resolve, reject) => {
    socket.once('open', () => resolve(socket));
    socket.once('error', reject);
    socket.once('unexpected-response', (_, { statusCode, headers }) =>
      reject(Object.assign(new Error('the handshake was refused'), { statusCode, headers })),
    );
  });
}

await runSteps({
  call: async (base) => {
    const socket = await open(`${base}/socket`);
    socket.send('hello');
    const [message] = await once(socket, 'message');
    socket.close();
    return { status: 101, saw: String(message) };
  },
  stream: async (base, onPiece) => {
    const socket = await open(`${base}/stream`);
    socket.on('message', onPiece);
    const [code] = await once(socket, 'close');
    // 1000 and 1001 are how the other side says goodbye (RFC 6455 section 7.4.1).
    if (code !== 1000 && code !== 1001) throw new Error(`closed with code ${code}`);
  },
});
