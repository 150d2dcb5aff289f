// The network outside of the pod: a vendor's API, and ports that nobody is to reach. Prints what arrives, a JSON line each.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';

const { certPem, keyPem } = JSON.parse(process.argv[2] ?? '{}');
const say = (what: object) => process.stdout.write(`${JSON.stringify(what)}\n`);
const answer =
  (port: number): RequestListener =>
  ({ headers }, response) => {
    say({ port, host: headers.host, authorization: headers.authorization ?? null });
    response.end('from the vendor\n');
  };

const tls = createTlsServer({ cert: certPem, key: keyPem }, answer(443)).listen(443, '::');
await once(tls, 'listening');
for (const port of [80, 9_000]) await once(createServer(answer(port)).listen(port, '::'), 'listening');
for (const port of [53, 443]) {
  const socket = createSocket('udp4', (message) => say({ udp: port, text: message.toString().trim() }));
  socket.bind(port);
  await once(socket, 'listening');
}
say({ ready: true });
process.stdin.on('end', () => process.exit(0)).resume();
