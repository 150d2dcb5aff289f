import { createServer, type Server as HttpServer } from 'node:http';
import { type AddressInfo, isIP, type Socket } from 'node:net';
import type { Registry } from 'prom-client';
import { listening } from './listening.ts';

/** Answers whether the process can do its work now; the text names what is missing, and holds nothing secret. */
export type ReadyCheck = () => Promise<{ readonly ready: boolean; readonly why?: string }>;

/** What a page shows as JSON now: facts that nobody must hide (THREATS 29). Undefined when there is nothing to show yet: 503. */
export type OpsPage = () => object | undefined;

export interface OpsServerOptions {
  readonly host: string;
  /** 0 means any free one. */
  readonly port: number;
  readonly registry: Pick<Registry, 'metrics' | 'contentType'>;
  readonly ready: ReadyCheck;
  /** By path, such as `/environment`. */
  readonly pages?: Readonly<Record<string, OpsPage>>;
  readonly limits?: Partial<OpsLimits>;
}

export interface OpsLimits {
  /** When more come, the connection that was idle for longest gives way: a probe gets in, whoever else holds connections. */
  readonly maxConnections: number;
  /** Time that a request has to arrive, ms. */
  readonly requestTimeoutMs: number;
}

const defaults: OpsLimits = { maxConnections: 100, requestTimeoutMs: 5_000 };

/**
 * Plain HTTP for probes and scrapers: `/livez` (the event loop turns), `/readyz` (work can be done), `/metrics` (Prometheus text), and
 * the program's own pages (JSON; under an address or as localhost). Nothing here is secret and nothing changes state: an agent may call it (THREATS 29). Closes when `ended` aborts.
 */
export async function startOpsServer(
  { host, port, registry, ready, pages = {}, limits }: OpsServerOptions,
  ended: AbortSignal,
): Promise<AddressInfo> {
  const pageAt = new Map(Object.entries(pages));
  const paths = ['/livez', '/readyz', '/metrics', ...pageAt.keys()];
  const { maxConnections, requestTimeoutMs } = { ...defaults, ...limits };
  const times = { requestTimeout: requestTimeoutMs, headersTimeout: requestTimeoutMs, connectionsCheckingInterval: requestTimeoutMs };
  const server = createServer(times, async (request, response) => {
    const answer = (status: number, body: string, type = 'text/plain; charset=utf-8') => {
      response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
      response.end(request.method === 'HEAD' ? undefined : body);
    };
    try {
      if (request.method !== 'GET' && request.method !== 'HEAD') return answer(405, 'only GET and HEAD\n');
      if (request.url === '/livez') return answer(200, 'ok\n');
      if (request.url === '/metrics') return answer(200, await registry.metrics(), registry.contentType);
      const page = pageAt.get(request.url ?? '');
      if (page !== undefined && !isByAddress(request.headers.host)) return answer(421, 'call it by address, or as localhost\n');
      if (page !== undefined) return answerPage(page, answer);
      if (request.url !== '/readyz') return answer(404, `try ${paths.join(', ')}\n`);
      const state = await ready();
      return answer(state.ready ? 200 : 503, state.ready ? 'ready\n' : `not ready: ${state.why ?? 'unknown'}\n`);
    } catch {
      return answer(500, 'failed\n');
    }
  });
  boundConnections(server, maxConnections);
  return listening(server, { host, port, what: 'metrics' }, ended);
}

function boundConnections(server: HttpServer, max: number): void {
  const open = new Set<Socket>();
  /** Without a request under way, the longest so first. */
  const idle = new Set<Socket>();
  const forget = (socket: Socket) => {
    open.delete(socket);
    idle.delete(socket);
  };
  server.on('connection', (socket) => {
    open.add(socket);
    idle.add(socket);
    socket.once('close', () => forget(socket));
    if (open.size <= max) return;
    const [oldest = socket] = idle;
    // Its own `close` comes later; a second newcomer must not count on it once more.
    forget(oldest);
    oldest.destroy();
  });
  server.on('request', ({ socket }, response) => {
    idle.delete(socket);
    response.once('close', () => {
      if (open.has(socket)) idle.add(socket);
    });
  });
}

/** A web page can make a name of its own lead here, and read what is answered; an address it can't (DNS rebinding, THREATS 16). */
function isByAddress(host = ''): boolean {
  const name = host.replace(/:\d+$/, '');
  return name === 'localhost' || isIP(name.replace(/^\[|\]$/g, '')) !== 0;
}

function answerPage(page: OpsPage, answer: (status: number, body: string, type?: string) => void): void {
  const shown = page();
  if (shown === undefined) answer(503, 'not yet: try again in a moment\n');
  else answer(200, `${JSON.stringify(shown)}\n`, 'application/json');
}
