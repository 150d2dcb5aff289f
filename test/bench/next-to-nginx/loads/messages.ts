// WebSocket messages back and forth: 64 connections, one message of 64 bytes at a time each. Started by the bench over IPC with [URL]; answers each
// number of seconds with how many came back.
import { once } from 'node:events';
import { WebSocket } from 'ws';

const [url = ''] = process.argv.slice(2);
const message = Buffer.alloc(64, 'leasehold ');

const sockets = Array.from({ length: 64 }, () => new WebSocket(url));
await Promise.all(sockets.map((socket) => once(socket, 'open')));
process.on('message', async (seconds: number) => {
  const end = performance.now() + seconds * 1_000;
  let count = 0;
  const one = async (socket: WebSocket) => {
    while (performance.now() < end) {
      socket.send(message);
      const [echoed] = await once(socket, 'message');
      if (!message.equals(echoed)) throw new Error('another message came back');
      count += 1;
    }
  };
  await Promise.all(sockets.map(one));
  process.send?.({ count });
});
process.on('disconnect', () => process.exit(0));
process.send?.({ port: 0 });
