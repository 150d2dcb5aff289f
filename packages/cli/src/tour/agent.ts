// The tour's agent: plain HTTP calls, and nothing else configured than where the sidecar listens.
// It does what its parent asks over IPC, and streams a snapshot of its own heap so that the parent can look for the key.
import { get, request } from 'node:http';
import { getHeapSnapshot } from 'node:v8';

type Order =
  | { readonly id: number; readonly do: 'call' | 'call-by-proxy' | 'stream'; readonly url: string }
  | { readonly id: number; readonly do: 'snapshot' };

const proxy = new URL(process.env.http_proxy ?? 'http://127.0.0.1');

process.on('message', (order: Order) => {
  const say = (answer: object) => process.send?.({ id: order.id, ...answer });
  if (order.do === 'call') call(order.url, say);
  else if (order.do === 'call-by-proxy') callByProxy(order.url, say);
  else if (order.do === 'stream') stream(order.url, say);
  else snapshot(say);
});
process.on('disconnect', () => process.exit(0));

function call(url: string, say: (answer: object) => void): void {
  get(url, (response) => read(response, say)).on('error', (error) => say({ failed: error.message }));
}

/** What every HTTP client does with `http_proxy`: the whole URL in the request line (RFC 9112 section 3.2.2). */
function callByProxy(url: string, say: (answer: object) => void): void {
  const { host } = new URL(url);
  request({ host: proxy.hostname, port: proxy.port, path: url, headers: { host } }, (response) => read(response, say))
    .on('error', (error) => say({ failed: error.message }))
    .end();
}

function read(response: NodeJS.ReadableStream & { statusCode?: number | undefined }, say: (answer: object) => void): void {
  const chunks: Buffer[] = [];
  response.on('data', (chunk: Buffer) => chunks.push(chunk));
  response.on('end', () => say({ status: response.statusCode, body: Buffer.concat(chunks).toString() }));
  response.on('error', (error: Error) => say({ failed: error.message }));
}

function stream(url: string, say: (answer: object) => void): void {
  get(url, (response) => {
    let events = 0;
    response.on('data', () => {
      events += 1;
      if (events === 3) say({ status: response.statusCode, streaming: true });
    });
    const over = () => say({ over: true, events, atMs: Date.now() });
    response.on('end', over);
    response.on('error', over);
  }).on('error', (error) => say({ failed: error.message }));
}

/** Says how long it was, so that nobody takes a part of it for the whole. */
function snapshot(say: (answer: object) => void): void {
  const heap = getHeapSnapshot();
  let bytes = 0;
  heap.on('data', (chunk: Buffer | string) => {
    bytes += Buffer.byteLength(chunk);
  });
  heap.on('end', () => say({ bytes }));
  heap.pipe(process.stdout, { end: false });
}
