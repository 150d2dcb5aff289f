// A vendor's API for the tour: HTTPS with a certificate of its own, and no answer without the right key.
// The keys it accepts arrive on standard input, one JSON line each time they change: never as an argument.
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { createInterface } from 'node:readline';

let accepted: readonly string[] = [];

interface FirstLine {
  readonly cert: string;
  readonly key: string;
}

const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => {
  const said = JSON.parse(line) as Partial<FirstLine> & { readonly accept?: readonly string[] };
  if (said.cert !== undefined && said.key !== undefined) serve({ cert: said.cert, key: said.key });
  if (said.accept !== undefined) {
    accepted = said.accept;
    process.send?.({ accepted: accepted.length });
  }
});
lines.on('close', () => process.exit(0));

function serve(identity: FirstLine): void {
  const server = createServer(identity, answer).listen(0, '127.0.0.1', () => {
    const address = server.address();
    process.send?.({ port: typeof address === 'object' && address !== null ? address.port : 0 });
  });
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  const authorization = request.headers.authorization ?? '';
  const key = authorization.replace(/^Bearer /, '');
  if (!accepted.includes(key)) {
    response.writeHead(401, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ error: 'The vendor knows no such key.' }));
    return;
  }
  if (request.url === '/v1/events') {
    events(response);
    return;
  }
  response.writeHead(200, { 'content-type': 'application/json' });
  // Echoing the header back is what a careless debug endpoint does; the sidecar must not let it through.
  response.end(JSON.stringify({ hello: 'from the vendor', key_fingerprint: fingerprint(key), you_sent: authorization }));
}

function events(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  let count = 0;
  const timer = setInterval(() => {
    count += 1;
    response.write(`data: event ${count}\n\n`);
  }, 100);
  response.on('close', () => clearInterval(timer));
}

function fingerprint(key: string): string {
  return createHash('sha256').update(key).digest('hex').slice(0, 12);
}
