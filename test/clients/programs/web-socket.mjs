// The WebSocket of the web platform, which Node, Bun and Deno have too. It tells a program nothing of a refused handshake but that there was one.
import { runSteps } from './steps.mjs';

function open(url) {
  const socket = new WebSocket(url);
  return new Promise((resolve, reject) => {
    socket.addEventListener('open', () => resolve(socket), { once: true });
    socket.addEventListener('error', (event) => reject(event.error ?? new Error(event.message || 'error event')), { once: true });
  });
}

const next = (socket, type) => new Promise((resolve) => socket.addEventListener(type, resolve, { once: true }));

await runSteps({
  call: async (base) => {
    const socket = await open(`${base}/socket`);
    socket.send('hello');
    const { data } = await next(socket, 'message');
    socket.close();
    return { status: 101, saw: data };
  },
  stream: async (base, onPiece) => {
    const socket = await open(`${base}/stream`);
    socket.addEventListener('message', onPiece);
    const { code } = await next(socket, 'close');
    if (code !== 1000 && code !== 1001) throw new Error(`closed with code ${code}`);
  },
});
