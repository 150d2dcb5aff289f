import { performServerHandshake, type ServerHttp2Stream } from 'node:http2';
import type { Duplex } from 'node:stream';
import { AppError } from '@leasehold/core';
import type { AgentRequest } from '../../ports/agent-exchange.ts';
import type { AgentService } from '../../ports/agent-service.ts';
import { isGrpc } from './grpc-refusal.ts';
import { H2Reply } from './h2-reply.ts';
import { readH2Request } from './h2-request.ts';
import type { SettledInbound } from './inbound.ts';
import { letLinger } from './linger.ts';
import { whoStalls } from './who-stalls.ts';

export interface H2ConnectionsOptions {
  /** Counts what was refused before it was a request. */
  readonly onRefused: (code: AppError['code']) => void;
  /** How long an agent may take for its first request, ms. */
  readonly headTimeoutMs: number;
  /** How long an agent may keep silent in the middle of a body that is not answered yet, ms. */
  readonly bodyIdleMs: number;
}

export interface H2Connections {
  /** Serves HTTP/2 on a connection for which ALPN has chosen it. */
  accept(socket: Duplex, inbound: SettledInbound): void;
}

/** How long a connection without a request is kept, ms. */
const idleMs = 75_000;

const sessionOptions = {
  settings: { maxConcurrentStreams: 100, initialWindowSize: 262_144, maxHeaderListSize: 65_535, enableConnectProtocol: false },
  // Past these Node resets the stream; the request reader refuses less than that with a reason.
  maxHeaderListPairs: 250,
  // Vendors say headers twice that should be said once (nginx and the application behind it, each its own): by HTTP/1.1 that passes, too.
  strictSingleValueFields: false,
  // An agent that opens streams and resets them in one breath is work for us and for vendors (CVE-2023-44487): past a burst its connection ends.
  streamResetBurst: 500,
  streamResetRate: 33,
  maxSessionRejectedStreams: 100,
  maxSessionInvalidFrames: 100,
};

/** HTTP/2 of agents, inside TLS that is ended here. Each stream is an exchange like any other; what ends one leaves the others alone. */
export function createH2Connections({ onRefused, headTimeoutMs, bodyIdleMs }: H2ConnectionsOptions): H2Connections {
  return {
    accept(socket, inbound) {
      const session = performServerHandshake(socket, sessionOptions);
      let openStreams = 0;
      const firstRequest = setTimeout(() => session.destroy(), headTimeoutMs);
      session.once('close', () => clearTimeout(firstRequest));
      // Whoever ends its half is gone, as over HTTP/1.1. Node would keep the other half until the session is idle for too long.
      socket.once('end', () => session.destroy());
      // Node ends it when the session is over, and waits for the agent to do the same.
      socket.once('finish', () => letLinger(socket));
      // What goes wrong with a connection shows on its streams, too; unheard it would end the process.
      session.on('error', () => undefined);
      session.setTimeout(idleMs, () => {
        if (openStreams === 0) session.close();
      });
      session.on('stream', (stream, _, __, rawHeaders) => {
        clearTimeout(firstRequest);
        openStreams += 1;
        stream.once('close', () => {
          openStreams -= 1;
        });
        serve(stream, rawHeaders, inbound);
      });
    },
  };

  function serve(stream: ServerHttp2Stream, rawHeaders: readonly string[], inbound: SettledInbound): void {
    stream.on('error', () => undefined);
    const ofGrpc = isGrpc(rawHeaders);
    const reply = new H2Reply(stream, {
      isHead: fieldOf(rawHeaders, ':method') === 'HEAD',
      isGrpc: ofGrpc,
      isWaiting: fieldOf(rawHeaders, 'expect') !== undefined,
    });
    let request: AgentRequest;
    let service: AgentService;
    try {
      if (inbound.kind === 'misdirected') throw inbound.error;
      request = readH2Request(rawHeaders, stream.endAfterHeaders ? undefined : stream, inbound.authority);
      service = inbound.service;
    } catch (thrown) {
      const error = AppError.from(thrown);
      reply.refuse(error);
      onRefused(error.code);
      return;
    }
    const control = service.handle(request, reply);
    stream.on('drain', () => control.drained());
    // Before Node tells the end of a body that was broken off like the end of a whole one.
    stream.once('aborted', () => control.abandoned());
    stream.once('close', () => control.abandoned());
    // A call of gRPC may be silent for as long as it lives; its deadline is its own.
    if (request.body === undefined || ofGrpc) return;
    stream.setTimeout(bodyIdleMs, () => {
      if (!reply.isStarted) control.stalled(whoStalls(stream, false));
    });
    stream.once('end', () => stream.setTimeout(0));
  }
}

function fieldOf(rawHeaders: readonly string[], name: string): string | undefined {
  const at = rawHeaders.findIndex((text, index) => index % 2 === 0 && text === name);
  return at === -1 ? undefined : rawHeaders[at + 1];
}
