import { once } from 'node:events';
import type { IncomingMessage, RequestListener } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createTestCa, type Identity } from './certificates.ts';

export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  /** As they came, duplicates and letter case included. */
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
  /** Wall-clock ms at which the head was read. */
  readonly atMs: number;
}

export interface Vendor {
  readonly url: string;
  readonly port: number;
  readonly caPem: string;
  /** Every request whose head arrived, oldest first. */
  readonly seen: SeenRequest[];
  close(): Promise<void>;
}

export interface VendorOptions {
  /** Called once the body is read; answers 200 with a short JSON text when not given. */
  readonly answer?: (...args: [...Parameters<RequestListener>, SeenRequest]) => void;
  /** Answers before the body is read, and keeps it to itself. */
  readonly onHead?: RequestListener;
  readonly identity?: Identity & { readonly caPem: string };
}

/** A vendor's API on localhost over real TLS, under a CA of its own, that writes down what it is sent. */
export async function startVendor({ answer, onHead, identity }: VendorOptions = {}): Promise<Vendor> {
  const ca = identity ?? (await createTestCa('Test vendor CA'));
  const own = 'issue' in ca ? await ca.issue(['localhost', '127.0.0.1']) : ca;
  const seen: SeenRequest[] = [];
  const server = createServer({ cert: own.certPem, key: own.keyPem }, (request, response) => {
    const atMs = Date.now();
    const chunks: Buffer[] = [];
    if (onHead !== undefined) {
      seen.push(noted(request, Buffer.alloc(0), atMs));
      onHead(request, response);
      return;
    }
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const note = noted(request, Buffer.concat(chunks), atMs);
      seen.push(note);
      if (answer !== undefined) answer(request, response, note);
      else response.writeHead(200, { 'content-type': 'application/json' }).end('{"ok":true}');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `https://localhost:${port}`,
    port,
    caPem: ca.caPem,
    seen,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function noted(request: IncomingMessage, body: Buffer, atMs: number): SeenRequest {
  const { method = '', url = '', headers, rawHeaders } = request;
  return { method, url, headers, rawHeaders, body, atMs };
}
