// A vendor that sends each WebSocket message back. Started by the bench over IPC.
import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';

const server = createServer().listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.send?.({ port: address === null || typeof address === 'string' ? 0 : address.port });
});
new WebSocketServer({ server }).on('connection', (socket) => {
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
});
process.on('disconnect', () => process.exit(0));
