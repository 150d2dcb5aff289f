import { create, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { AppError } from '@leasehold/core';

/** A message that is on the wire's form already: encode an event once, write it to many streams. */
export class EncodedMessage {
  readonly typeName: string;
  readonly bytes: Buffer;
  /** Zeroed as soon as a unary answer is serialized: for what carries a secret. */
  readonly isWipedOnceSent: boolean;

  /** Takes `bytes` over; nobody may change them. */
  constructor(typeName: string, bytes: Uint8Array, { isWipedOnceSent = false }: { readonly isWipedOnceSent?: boolean } = {}) {
    this.typeName = typeName;
    this.bytes = asBuffer(bytes);
    this.isWipedOnceSent = isWipedOnceSent;
  }
}

/** What may be written where a message of this shape is expected. */
export type Outgoing<Desc extends DescMessage> = MessageInitShape<Desc> | EncodedMessage;

export function encode<Desc extends DescMessage>(schema: Desc, message: MessageInitShape<Desc>): EncodedMessage {
  return new EncodedMessage(schema.typeName, toBinary(schema, create(schema, message)));
}

/** For serializers. The caller must not keep what it gets: an encoded message shares its bytes. */
export function wireBytes<Desc extends DescMessage>(schema: Desc, message: Outgoing<Desc>): Buffer {
  if (!(message instanceof EncodedMessage)) return asBuffer(toBinary(schema, create(schema, message)));
  if (message.typeName === schema.typeName) return message.bytes;
  throw new AppError('internal', `A ${message.typeName} was written where a ${schema.typeName} belongs.`);
}

/** The same memory, seen as a Buffer. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
