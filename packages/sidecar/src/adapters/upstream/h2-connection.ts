import { type ClientHttp2Stream, connect as connectHttp2 } from 'node:http2';
import type { Socket } from 'node:net';
import type { AppError } from '@leasehold/core';
import { createFrameWalk, endStreamFlag, frameTypes } from './frame-walk.ts';
import { Leg } from './leg.ts';

/** Who may still say no when the head of its request leaves. */
export interface HeadGate {
  refusal(): AppError | undefined;
  left(): void;
  /** Its head was stopped, and the connection with it. */
  stopped(why: AppError): void;
}

export interface H2Options {
  /** Streams on one connection, however many more the vendor would take. */
  readonly maxStreams: number;
  /** How long an unused connection is kept, ms. */
  readonly idleConnectionMs: number;
  /** For the vendor's first word, ms. */
  readonly timeoutMs: number;
}

export interface H2ConnectionEvents {
  /** The vendor has said what it takes: there are streams from here on. */
  ready(): void;
  /** There may be a stream again, or room for another connection. */
  freed(): void;
  gone(): void;
}

/** A connection that carries many exchanges under one version of one credential. */
export interface H2Connection {
  readonly freeStreams: number;
  readonly isIdle: boolean;
  /** It ends with what it carries, and takes nothing more. */
  readonly isClosing: boolean;
  /** Throws what Node throws for a head that HTTP/2 can't carry. */
  open(headers: readonly string[], isWhole: boolean, gate: HeadGate, cancelled: AbortSignal): ClientHttp2Stream;
  /** Whether the vendor has said that this stream's answer is whole. Node tells the end of an answer that was broken off without an error alike. */
  isWhole(stream: ClientHttp2Stream): boolean;
  destroy(): void;
}

/** RFC 9113 section 3.4. */
const clientPrefaceLength = 24;
const windowBytes = 262_144;
const connectionWindowBytes = 1_048_576;
const maxHeaderBytes = 65_536;
const lingerMs = 2_000;

/**
 * The head of a request waits inside Node for a later tick, for a slot at the vendor, for the connection to take what came before. So the gate is
 * asked where the frame leaves (INV-2, INV-3, INV-5, INV-7). A head that is refused there can't be taken out of its place among the frames:
 * the connection ends, and what else it carries, which lives under the same credential, is broken off.
 */
export function createH2Connection(
  socket: Socket,
  authority: string,
  { maxStreams, idleConnectionMs, timeoutMs }: H2Options,
  on: H2ConnectionEvents,
): H2Connection {
  /** By stream: what was asked for and has not left yet. */
  const heads = new Map<number, HeadGate>();
  const streams = new Map<number, ClientHttp2Stream>();
  /** Streams whose answer the vendor has said to be whole. */
  const whole = new Set<number>();
  let isReady = false;
  let isClosing = false;
  let hasVendorEnded = false;
  let idle: NodeJS.Timeout | undefined;

  const leaving = createFrameWalk(clientPrefaceLength, (type, _, streamId) => {
    if (type !== frameTypes.headers) return;
    const gate = heads.get(streamId);
    // Heads leave in the order of their numbers: what was passed over was given up before it left.
    for (const id of heads.keys()) if (id <= streamId) heads.delete(id);
    const why = gate?.refusal();
    if (gate === undefined || why !== undefined) {
      if (why !== undefined) gate?.stopped(why);
      throw new Error('the head of a request was stopped');
    }
    gate.left();
  });
  const coming = createFrameWalk(0, (type, flags, streamId) => {
    const isLast = (type === frameTypes.data || type === frameTypes.headers) && (flags & endStreamFlag) !== 0;
    if (isLast && streams.has(streamId)) whole.add(streamId);
  });
  const leg = new Leg(socket, leaving, { seen: coming, ended: endByVendor });
  // Node has ended it, after the last stream, and waits for the vendor to do the same: one that does not would hold the connection for ever.
  leg.once('finish', () => {
    const linger = setTimeout(() => leg.destroy(), lingerMs);
    leg.once('close', () => clearTimeout(linger));
  });
  const session = connectHttp2(authority, {
    createConnection: () => leg,
    settings: { enablePush: false, initialWindowSize: windowBytes, maxHeaderListSize: maxHeaderBytes },
    peerMaxConcurrentStreams: maxStreams,
  });
  session.once('connect', () => session.setLocalWindowSize(connectionWindowBytes));
  const firstWord = setTimeout(() => session.destroy(), timeoutMs);
  session.on('remoteSettings', () => {
    clearTimeout(firstWord);
    const isFirst = !isReady;
    isReady = true;
    if (isFirst) on.ready();
    else on.freed();
  });
  session.on('goaway', () => {
    isClosing = true;
    on.freed();
  });
  // Its streams fail by themselves.
  session.on('error', () => undefined);
  session.on('close', () => {
    isClosing = true;
    clearTimeout(firstWord);
    clearTimeout(idle);
    on.gone();
  });
  armIdle();

  /**
   * What the vendor has not told to its end is broken off; what it has is still read. Node is not told: it would end our side, and a stream that is
   * cancelled while it does so would end the process (an assertion of its JSStreamSocket).
   */
  function endByVendor(): void {
    isClosing = true;
    hasVendorEnded = true;
    for (const [id, stream] of streams) if (!whole.has(id)) stream.destroy();
    if (streams.size === 0) leg.destroy();
  }

  function armIdle(): void {
    clearTimeout(idle);
    idle = setTimeout(() => session.close(), idleConnectionMs);
    idle.unref();
  }

  function limit(): number {
    return Math.min(maxStreams, session.remoteSettings?.maxConcurrentStreams ?? maxStreams);
  }

  return {
    get freeStreams() {
      return !isReady || isClosing || session.closed || session.destroyed ? 0 : limit() - streams.size;
    },
    get isClosing() {
      return isClosing;
    },
    get isIdle() {
      return streams.size === 0;
    },
    open(headers, isWhole, gate, cancelled) {
      const stream = session.request(headers, { endStream: isWhole, signal: cancelled });
      const { id } = stream;
      if (id === undefined) {
        stream.destroy();
        throw new Error('a stream without a number can not be gated');
      }
      heads.set(id, gate);
      streams.set(id, stream);
      clearTimeout(idle);
      stream.once('close', () => {
        streams.delete(id);
        whole.delete(id);
        if (streams.size === 0) {
          if (hasVendorEnded) leg.destroy();
          else armIdle();
        }
        on.freed();
      });
      return stream;
    },
    isWhole: ({ id }) => id !== undefined && whole.has(id),
    destroy: () => session.destroy(),
  };
}
