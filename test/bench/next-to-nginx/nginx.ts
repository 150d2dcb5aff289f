import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import type { Identity } from '../../harness/certificates.ts';

export interface Nginx {
  readonly pid: number;
  stop(): Promise<void>;
}

/** Throws with what to do when the foreign programs are missing. */
export function requirePrograms(): void {
  for (const [program, flag] of [
    ['nginx', '-v'],
    ['wrk', '-v'],
    ['taskset', '-V'],
  ] as const) {
    if (spawnSync(program, [flag]).error !== undefined)
      throw new Error(`${program} is not on the PATH. On Debian: apt-get update && apt-get install nginx-light wrk util-linux`);
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

export interface Bodies {
  readonly '200': string;
  readonly '16k': string;
}

/** The vendor: two static files, in the clear and over TLS. */
export async function startUpstream(dir: string, core: number, ports: { plain: number; tls: number }, identity: Identity, bodies: Bodies) {
  await mkdir(join(dir, 'www', 'files'), { recursive: true });
  await writeFile(join(dir, 'upstream.crt'), identity.certPem);
  await writeFile(join(dir, 'upstream.key'), identity.keyPem, { mode: 0o600 });
  for (const [name, body] of Object.entries(bodies)) await writeFile(join(dir, 'www', 'files', name), body);
  return startNginx(
    dir,
    'upstream',
    core,
    ports.plain,
    `server {
      listen 127.0.0.1:${ports.plain};
      listen 127.0.0.1:${ports.tls} ssl;
      ssl_certificate ${dir}/upstream.crt;
      ssl_certificate_key ${dir}/upstream.key;
      root ${dir}/www;
      open_file_cache max=10 inactive=600s;
    }`,
  );
}

/** What the sidecar is measured against: the same job by nginx. */
export async function startReference(
  dir: string,
  core: number,
  port: number,
  ports: { plain: number; tls: number },
  value: string,
  caPem: string,
  /** Ends TLS here too, with the upstream's certificate; with TLS 1.3, as the sidecar does, which Debian's nginx would not offer by itself. */
  tlsPort?: number,
) {
  await writeFile(join(dir, 'ca.crt'), caPem);
  return startNginx(
    dir,
    'reference',
    core,
    port,
    `upstream plain { server 127.0.0.1:${ports.plain}; keepalive 64; keepalive_requests 100000000; }
    upstream tls { server 127.0.0.1:${ports.tls}; keepalive 64; keepalive_requests 100000000; }
    server {
      listen 127.0.0.1:${port};
      ${tlsPort === undefined ? '' : `listen 127.0.0.1:${tlsPort} ssl; ssl_protocols TLSv1.2 TLSv1.3; ssl_certificate ${dir}/upstream.crt; ssl_certificate_key ${dir}/upstream.key;`}
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Authorization "Bearer ${value}";
      proxy_set_header Accept-Encoding identity;
      proxy_ssl_verify on;
      proxy_ssl_trusted_certificate ${dir}/ca.crt;
      proxy_ssl_name localhost;
      proxy_ssl_server_name on;
      location /plain/ { proxy_pass http://plain/; }
      location /tls/ { proxy_pass https://tls/; }
    }`,
  );
}

/** One worker, pinned to a core, with these servers. */
export async function startNginx(dir: string, name: string, core: number, port: number, servers: string): Promise<Nginx> {
  const conf = join(dir, `${name}.conf`);
  await writeFile(
    conf,
    `daemon off; master_process off; worker_processes 1; pid ${dir}/${name}.pid; error_log ${dir}/${name}.log warn;
    events { worker_connections 2048; }
    http {
      access_log off; sendfile on; tcp_nodelay on; keepalive_timeout 600s; keepalive_requests 100000000; default_type text/plain;
      client_body_temp_path ${dir}/${name}-body; proxy_temp_path ${dir}/${name}-proxy;
      fastcgi_temp_path ${dir}/${name}-f; uwsgi_temp_path ${dir}/${name}-u; scgi_temp_path ${dir}/${name}-s;
      ${servers}
    }`,
  );
  const child = spawn('taskset', ['-c', String(core), 'nginx', '-p', dir, '-c', conf], { stdio: ['ignore', 'ignore', 'inherit'] });
  await untilListening(port, child);
  return {
    pid: child.pid ?? 0,
    stop: async () => {
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      await gone;
    },
  };
}

async function untilListening(port: number, child: ChildProcess): Promise<void> {
  while (child.exitCode === null) {
    const socket = connect(port, '127.0.0.1');
    const isOpen = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
    socket.destroy();
    if (isOpen) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`nginx ended with ${child.exitCode}`);
}
