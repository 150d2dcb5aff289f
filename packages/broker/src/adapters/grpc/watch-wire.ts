import { type EncodedMessage, encode, toProtoRevoked, toProtoRoute, WatchResponseSchema } from '@leasehold/contract/grpc';
import type { WatchMessage } from '../../ports/watch-stream.ts';

/** Messages on the wire's form. What goes to many streams is encoded once: the bytes live as long as the message object. */
export function createWatchEncoder(): (message: WatchMessage) => EncodedMessage {
  const shared = new WeakMap<WatchMessage, EncodedMessage>();
  return (message) => {
    if (message.kind === 'hello' || message.kind === 'pong') return toWire(message);
    const known = shared.get(message) ?? toWire(message);
    shared.set(message, known);
    return known;
  };
}

export function encodeReset(why: string): EncodedMessage {
  return encode(WatchResponseSchema, { message: { case: 'reset', value: { why } } });
}

function toWire(message: WatchMessage): EncodedMessage {
  switch (message.kind) {
    case 'hello': {
      const { kind, cursorSeq, headSeq, ...hello } = message;
      return encode(WatchResponseSchema, {
        message: { case: kind, value: { ...hello, cursorSeq: BigInt(cursorSeq), headSeq: BigInt(headSeq) } },
      });
    }
    case 'routes':
      return encode(WatchResponseSchema, { message: { case: 'routes', value: { routes: message.routes.map(toProtoRoute) } } });
    case 'revoked':
      return encode(WatchResponseSchema, { message: { case: 'revoked', value: toProtoRevoked(message.event) } });
    case 'pong':
      return encode(WatchResponseSchema, {
        message: { case: 'pong', value: { id: BigInt(message.id), headSeq: BigInt(message.headSeq) } },
      });
  }
}
