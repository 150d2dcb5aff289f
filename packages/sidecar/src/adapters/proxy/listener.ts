import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { AppError } from '@leasehold/core';
import { listening } from '@leasehold/runtime';
import type { HandleRequest } from '../../ports/agent-exchange.ts';
import { serveHttpExchange } from './http-exchange.ts';
import { refusalBytes } from './refusal.ts';

export interface ProxyOptions {
  readonly host: string;
  /** 0 means any free one. */
  readonly port: number;
  readonly handle: HandleRequest;
  /** Counts what was refused before it was a request. */
  readonly onRefused: (code: AppError['code']) => void;
}

const maxHeaderBytes = 32_768;

/** Listens for agents on loopback: absolute-form and base-URL requests. Whatever else comes in is refused with a typed answer. */
export async function startProxy({ host, port, handle, onRefused }: ProxyOptions, ended: AbortSignal): Promise<AddressInfo> {
  const server = createServer({
    maxHeaderSize: maxHeaderBytes,
    insecureHTTPParser: false,
    // We look at Host ourselves, and answer with a reason.
    requireHostHeader: false,
    joinDuplicateHeaders: false,
    keepAliveTimeout: 75_000,
    headersTimeout: 20_000,
    // Uploads may take as long as they take; back-pressure keeps memory flat.
    requestTimeout: 0,
    connectionsCheckingInterval: 5_000,
    noDelay: true,
  });
  // Past its limit Node drops headers silently: there is none, and the request reader counts.
  server.maxHeadersCount = 0;
  let ownPort = port;

  const refuse = (socket: Duplex, error: AppError) => {
    onRefused(error.code);
    socket.on('error', () => {});
    if (socket.writable) socket.end(refusalBytes(error));
    else socket.destroy();
  };
  server.on('request', (incoming, response) => serveHttpExchange(handle, ownPort, incoming, response, false));
  server.on('checkContinue', (incoming, response) => serveHttpExchange(handle, ownPort, incoming, response, true));
  server.on('checkExpectation', (incoming, response) => serveHttpExchange(handle, ownPort, incoming, response, false));
  server.on('connect', (_, socket) =>
    refuse(
      socket,
      new AppError('unsupported', 'CONNECT is not served here. Use an http:// URL with the proxy (it goes on over TLS), or the base URL.'),
    ),
  );
  server.on('upgrade', (_, socket) => refuse(socket, new AppError('unsupported', 'Upgrades are not served here.')));
  server.on('clientError', (cause: NodeJS.ErrnoException, socket) => {
    if (cause.code === 'ECONNRESET') socket.destroy();
    else if (cause.code === 'HPE_HEADER_OVERFLOW')
      refuse(socket, new AppError('headers_too_large', `The head of the request is larger than ${maxHeaderBytes} bytes.`));
    else refuse(socket, new AppError('bad_request', 'This is not valid HTTP/1.1, so it was not looked at any further.', { cause }));
  });
  const address = await listening(server, { host, port, what: 'proxy' }, ended);
  ownPort = address.port;
  return address;
}
