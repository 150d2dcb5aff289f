// What TLS inside a CONNECT costs: CPU of the sidecar against nginx, which ends TLS too, doing the same job in the same minute; on connections that
// stay, and with a full handshake for each request. `node test/bench/next-to-nginx/tunnel.ts [--rounds 8] [--seconds 3] [--only NAME]`
import { burst } from './burst.ts';
import { freePort, startReference } from './nginx.ts';
import { printPairs } from './pairs.ts';
import { loadBy, loadCore, onStage, proxyCore } from './stage.ts';

await onStage({ '200': 'x'.repeat(200), '16k': '' }, async ({ dir, value, caPem, upstream, onEnd, startChild, startSidecar }) => {
  const reference = { port: await freePort(), tlsPort: await freePort() };
  const nginx = await startReference(dir, proxyCore, reference.port, upstream, value, caPem, reference.tlsPort);
  onEnd(nginx.stop);
  const sidecar = await startSidecar();
  const authority = `localhost:${upstream.tls}`;
  // wrk knows no CONNECT. The same relay on both sides, so that both are loaded alike.
  const toNginx = await startChild('loads/relay.ts', loadCore, String(reference.tlsPort));
  const toSidecar = await startChild('loads/relay.ts', loadCore, String(sidecar.port), authority);
  const handshakes = 'loads/handshakes.ts';
  const nginxHandshakes = await startChild(handshakes, loadCore, String(reference.tlsPort), '', authority, '/tls/files/200');
  const sidecarHandshakes = await startChild(handshakes, loadCore, String(sidecar.port), authority, authority, '/files/200');
  const host = [`Host: ${authority}`];
  return printPairs([
    {
      name: 'TLS in a tunnel → TLS, 200 B',
      reach: { must: 3.0, aim: 2.2, moonshot: 1.3 },
      nginx: (seconds) => burst(`https://localhost:${toNginx.port}/tls/files/200`, nginx.pid, seconds, loadCore, host),
      sidecar: (seconds) => burst(`https://localhost:${toSidecar.port}/files/200`, sidecar.pid, seconds, loadCore, host),
    },
    {
      name: 'full TLS handshake in a tunnel, host seen before',
      reach: { must: 2.0, aim: 1.5, moonshot: 1.2 },
      nginx: (seconds) => loadBy(nginxHandshakes, nginx.pid, seconds),
      sidecar: (seconds) => loadBy(sidecarHandshakes, sidecar.pid, seconds),
    },
  ]);
});
