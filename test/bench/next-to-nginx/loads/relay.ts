// Gives wrk, which knows no proxy, a tunnel for each connection: connects to the proxy, sends CONNECT if there is a target, and passes bytes.
// Started by the bench over IPC with [port of the proxy, target or empty].
import { connect, createServer } from 'node:net';

const [proxyPort = '0', target = ''] = process.argv.slice(2);

const server = createServer({ noDelay: true }, (client) => {
  const proxy = connect({ port: Number(proxyPort), host: '127.0.0.1', noDelay: true });
  const cut = () => {
    client.destroy();
    proxy.destroy();
  };
  for (const side of [client, proxy]) side.on('error', () => undefined).once('close', cut);
  const join = () => {
    client.pipe(proxy);
    proxy.pipe(client);
  };
  if (target === '') {
    join();
    return;
  }
  proxy.write(`CONNECT ${target} HTTP/1.1\r\nhost: ${target}\r\n\r\n`);
  proxy.once('data', (answer: Buffer) => {
    if (answer.toString('latin1').startsWith('HTTP/1.1 200')) join();
    else cut();
  });
}).listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.send?.({ port: address === null || typeof address === 'string' ? 0 : address.port });
});
process.on('disconnect', () => process.exit(0));
