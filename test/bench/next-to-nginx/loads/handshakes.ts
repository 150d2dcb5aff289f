// Full TLS handshakes, one request each, eight at a time: wrk resumes sessions. Started by the bench over IPC with [port, target of a CONNECT or
// empty, host to ask for, path]; answers each number of seconds with how many there were. Whose certificate it is, is not looked at: it costs us, and
// not the one under test.
import { once } from 'node:events';
import { connect } from 'node:net';
import { connect as connectTls, createSecureContext } from 'node:tls';

const [port = '0', target = '', host = '', path = ''] = process.argv.slice(2);
// The same key exchange with both: Debian's nginx knows none that is safe from quantum computers, and the one that the sidecar would take costs a
// seventh of its handshake.
const secureContext = createSecureContext({ ecdhCurve: 'X25519' });

async function ask(): Promise<void> {
  const socket = connect({ port: Number(port), host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  if (target !== '') {
    socket.write(`CONNECT ${target} HTTP/1.1\r\nhost: ${target}\r\n\r\n`);
    await once(socket, 'data');
    socket.removeAllListeners('data').pause();
  }
  const tls = connectTls({ socket, servername: 'localhost', secureContext, rejectUnauthorized: false });
  tls.write(`GET ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`);
  const [answer] = await once(tls, 'data');
  if (!answer.toString('latin1').startsWith('HTTP/1.1 200')) throw new Error(`answered: ${answer.toString('latin1').slice(0, 300)}`);
  if (tls.isSessionReused()) throw new Error('this was no full handshake');
  tls.destroy();
}

process.on('message', async (seconds: number) => {
  const end = performance.now() + seconds * 1_000;
  let count = 0;
  const one = async () => {
    while (performance.now() < end) {
      await ask();
      count += 1;
    }
  };
  await Promise.all(Array.from({ length: 8 }, one));
  process.send?.({ count });
});
process.on('disconnect', () => process.exit(0));
process.send?.({ port: 0 });
