// What HTTP/2 and WebSockets cost: CPU of the sidecar against nginx doing the same job in the same minute.
// `node test/bench/next-to-nginx/protocols.ts [--rounds 8] [--seconds 3] [--only NAME]`
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort, startNginx } from './nginx.ts';
import { printPairs } from './pairs.ts';
import { loadBy, loadCore, onStage, proxyCore, type Stage } from './stage.ts';

await onStage({ '200': 'x'.repeat(200), '16k': '' }, async (stage) => {
  const { dir, caPem, upstream, onEnd, startChild, startSidecar } = stage;
  const echo = await startChild('loads/echo-server.ts', loadCore);
  const reference = { plain: await freePort(), tls: await freePort() };
  await writeFile(join(dir, 'ca.crt'), caPem);
  const nginx = await startNginx(dir, 'reference', proxyCore, reference.plain, servers(stage, reference, echo.port));
  onEnd(nginx.stop);
  const sidecar = await startSidecar(echo.port);
  const authority = `localhost:${upstream.tls}`;
  const streams = 'loads/streams.ts';
  const nginxStreams = await startChild(streams, loadCore, String(reference.tls), '', authority, '/files/200');
  const sidecarStreams = await startChild(streams, loadCore, String(sidecar.port), authority, authority, '/files/200');
  const messages = 'loads/messages.ts';
  const nginxMessages = await startChild(messages, loadCore, `ws://127.0.0.1:${reference.plain}/files/echo`);
  const sidecarMessages = await startChild(messages, loadCore, `ws://127.0.0.1:${sidecar.port}/plain/files/echo`);
  return printPairs([
    {
      name: 'HTTP/2 in (TLS ended) → TLS, 200 B',
      nginx: (seconds) => loadBy(nginxStreams, nginx.pid, seconds),
      sidecar: (seconds) => loadBy(sidecarStreams, sidecar.pid, seconds),
    },
    {
      name: 'WebSocket message there and back, 64 B',
      nginx: (seconds) => loadBy(nginxMessages, nginx.pid, seconds),
      sidecar: (seconds) => loadBy(sidecarMessages, sidecar.pid, seconds),
    },
  ]);
});

/** The same jobs by nginx. It speaks HTTP/1.1 to the upstream, since it can't do otherwise; so does this upstream to the sidecar. */
function servers({ dir, value, upstream }: Stage, port: { readonly plain: number; readonly tls: number }, echoPort: number): string {
  return `upstream tls { server 127.0.0.1:${upstream.tls}; keepalive 64; keepalive_requests 100000000; }
    server {
      listen 127.0.0.1:${port.plain};
      listen 127.0.0.1:${port.tls} ssl http2;
      ssl_certificate ${dir}/upstream.crt;
      ssl_certificate_key ${dir}/upstream.key;
      proxy_http_version 1.1;
      proxy_set_header Authorization "Bearer ${value}";
      proxy_ssl_verify on;
      proxy_ssl_trusted_certificate ${dir}/ca.crt;
      proxy_ssl_name localhost;
      proxy_ssl_server_name on;
      location = /files/200 { proxy_set_header Connection ""; proxy_pass https://tls; }
      location = /files/echo { proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; proxy_pass http://127.0.0.1:${echoPort}; }
    }`;
}
