// Requests by HTTP/2 as fast as they go: eight connections, eight streams each. Started by the bench over IPC with [port, target of a CONNECT or empty,
// authority to ask for, path]; answers each number of seconds with how many there were. Whose certificate it is, is not looked at: it costs us, and
// not the one under test.
import { once } from 'node:events';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';

const [port = '0', target = '', authority = '', path = ''] = process.argv.slice(2);
const perConnection = 8;

async function open(): Promise<ClientHttp2Session> {
  const socket = connect({ port: Number(port), host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  if (target !== '') {
    socket.write(`CONNECT ${target} HTTP/1.1\r\nhost: ${target}\r\n\r\n`);
    await once(socket, 'data');
    socket.removeAllListeners('data').pause();
  }
  const tls = connectTls({ socket, servername: 'localhost', ALPNProtocols: ['h2'], rejectUnauthorized: false });
  await once(tls, 'secureConnect');
  return connectHttp2(`https://${authority}`, { createConnection: () => tls });
}

function ask(session: ClientHttp2Session): Promise<void> {
  const stream = session.request({ ':path': path }, { endStream: true });
  let bytes = 0;
  let status = 0;
  stream.on('response', (headers) => {
    status = headers[':status'] ?? 0;
  });
  stream.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
  });
  return new Promise((resolve, reject) => {
    stream.on('error', reject);
    stream.on('close', () => (status === 200 && bytes === 200 ? resolve() : reject(new Error(`answered ${status} with ${bytes} bytes`))));
  });
}

const sessions = await Promise.all(Array.from({ length: 8 }, open));
process.on('message', async (seconds: number) => {
  const end = performance.now() + seconds * 1_000;
  let count = 0;
  const one = async (session: ClientHttp2Session) => {
    while (performance.now() < end) {
      await ask(session);
      count += 1;
    }
  };
  await Promise.all(sessions.flatMap((session) => Array.from({ length: perConnection }, () => one(session))));
  process.send?.({ count });
});
process.on('disconnect', () => process.exit(0));
process.send?.({ port: 0 });
