import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';
import type { ArrivalClock } from '../harness/arrival-clock.ts';
import { createTestCa } from '../harness/certificates.ts';
import type { DeathBook, LentValue } from './death-book.ts';

/** The vendor of the chaos: writes down when it saw which secret. */
export interface Witness {
  readonly url: string;
  readonly port: number;
  readonly caPem: string;
  close(): Promise<void>;
}

const eventEveryMs = 50;

/** What a value looks like on the wire; the witness reads it back from there. */
export function secretOf(credential: string, version: number): string {
  return `sk-chaos-${credential}-${version}-${Buffer.from(`${credential}${version}`).toString('hex').padEnd(24, '0')}`;
}

function labelOf({ credential, version }: LentValue): string {
  return `label=${credential}/${version}`;
}

/** Of a stream's bytes: the value that it was opened with. */
export function readLabel(text: string): Pick<LentValue, 'credential' | 'version'> | undefined {
  const [, credential = '', version] = /label=([a-z]+)\/(\d+)/.exec(text) ?? [];
  return version === undefined ? undefined : { credential, version: Number(version) };
}

/** Paths are `/<credential>/<what>/<agent>`; `events` streams, `live` is a WebSocket, anything else answers at once. */
export async function startWitness(book: DeathBook, arrivals: ArrivalClock): Promise<Witness> {
  const ca = await createTestCa('Chaos vendor CA');
  const { certPem, keyPem } = await ca.issue(['localhost']);
  const server = createServer({ cert: certPem, key: keyPem, keepAliveTimeout: 30_000 }, (request, response) => {
    request.resume();
    const value = lentValueOf(request);
    if (value === undefined) return void response.writeHead(401).end();
    book.seen('request', value, arrivals.earliestMs());
    if (request.url?.split('/')[2] !== 'events') return void response.end('ok');
    const event = `data: ${labelOf(value)}\n\n`;
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(event);
    const timer = setInterval(() => response.write(event), eventEveryMs);
    response.on('close', () => clearInterval(timer));
  });
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (socket, request) => {
    const value = lentValueOf(request);
    if (value === undefined) return socket.terminate();
    book.seen('request', value, arrivals.earliestMs());
    const timer = setInterval(() => socket.send(labelOf(value)), eventEveryMs);
    socket.on('error', () => undefined);
    socket.on('close', () => clearInterval(timer));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `https://localhost:${port}`,
    port,
    caPem: ca.caPem,
    close: async () => {
      for (const socket of sockets.clients) socket.terminate();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function lentValueOf({ headers, url = '' }: IncomingMessage): LentValue | undefined {
  const [, credential = '', version] = /^Bearer sk-chaos-([a-z]+)-(\d+)-/.exec(headers.authorization ?? '') ?? [];
  const agent = url.split('/')[3];
  return version === undefined || agent === undefined ? undefined : { agent, credential, version: Number(version) };
}
