import { type DescMessage, type DescMethod, fromBinary, type Message, type MessageShape } from '@bufbuild/protobuf';
import type { GenService, GenServiceMethods } from '@bufbuild/protobuf/codegenv2';
import type {
  handleBidiStreamingCall,
  handleUnaryCall,
  Server,
  ServerDuplexStream,
  ServerUnaryCall,
  ServiceDefinition,
  UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { AppError, type ErrorCode } from '@leasehold/core';
import { EncodedMessage, type Outgoing, wireBytes } from './encoded-message.ts';
import { toStatus } from './errors.ts';

/** One handler a method: `unary(…)` for the simple ones, a function of the stream for two-way ones. */
export type ServiceHandlers<Methods extends GenServiceMethods> = { readonly [K in keyof Methods]: MethodHandler<Methods[K]> };

type MethodHandler<M> = M extends { methodKind: 'unary'; input: infer I extends DescMessage; output: infer O extends DescMessage }
  ? handleUnaryCall<MessageShape<I>, Outgoing<O>>
  : M extends { methodKind: 'bidi_streaming'; input: infer I extends DescMessage; output: infer O extends DescMessage }
    ? handleBidiStreamingCall<MessageShape<I>, Outgoing<O>>
    : never;

export type ServerStream<I extends DescMessage, O extends DescMessage> = ServerDuplexStream<MessageShape<I>, Outgoing<O>>;

/** Told once of each unary call that was answered. */
export type UnaryObserver = (call: {
  /** `/leasehold.v1.LeaseService/Acquire` */
  readonly path: string;
  readonly outcome: 'ok' | ErrorCode;
  readonly durationMs: number;
  /** What was thrown, for logs' safe fields. */
  readonly thrown?: unknown;
}) => void;

/** Serves every method of the service. */
export function addService<Methods extends GenServiceMethods>(
  server: Server,
  desc: GenService<Methods>,
  handlers: ServiceHandlers<Methods>,
): void;
// grpc-js takes handlers untyped: the signature above is what links each name to its messages.
export function addService(server: Server, desc: AnyService, handlers: UntypedServiceImplementation): void {
  server.addService(serviceDefinition(desc), handlers);
}

type AnyService = Pick<GenService<GenServiceMethods>, 'methods' | 'typeName'>;

/** What grpc-js wants to know of a service. Messages may be handed over encoded. */
export function serviceDefinition(desc: AnyService): ServiceDefinition {
  return Object.fromEntries(desc.methods.map((method) => [method.localName, methodWire(method)]));
}

/** grpc-js's MethodDefinition, which has one type for what is written and what is read. */
export interface MethodWire {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly requestSerialize: (message: Outgoing<DescMessage>) => Buffer;
  readonly requestDeserialize: (bytes: Buffer) => Message;
  readonly responseSerialize: (message: Outgoing<DescMessage>) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => Message;
}

export function methodWire(method: DescMethod): MethodWire {
  const { input, output, methodKind } = method;
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    requestStream: methodKind === 'client_streaming' || methodKind === 'bidi_streaming',
    responseStream: methodKind === 'server_streaming' || methodKind === 'bidi_streaming',
    requestSerialize: (message) => wireBytes(input, message),
    requestDeserialize: (bytes) => fromBinary(input, bytes),
    responseSerialize: (message) => wireBytes(output, message),
    responseDeserialize: (bytes) => fromBinary(output, bytes),
  };
}

/** A promise as a gRPC answer. What it throws goes out by the table in errors.ts; an answer that is wiped once sent is wiped here. */
export function unary<I, O extends DescMessage>(
  answer: (request: I, call: ServerUnaryCall<I, Outgoing<O>>) => Promise<Outgoing<O>>,
  observe: UnaryObserver = () => {},
): handleUnaryCall<I, Outgoing<O>> {
  return async (call, callback) => {
    const begin = performance.now();
    const done = (outcome: 'ok' | ErrorCode, thrown?: unknown) =>
      observe({ path: call.getPath(), outcome, durationMs: performance.now() - begin, ...(thrown !== undefined && { thrown }) });
    try {
      const response = await answer(call.request, call);
      callback(null, response); // Serializes in this very call.
      if (response instanceof EncodedMessage && response.isWipedOnceSent) response.bytes.fill(0);
      done('ok');
    } catch (thrown) {
      const error = AppError.from(thrown);
      callback(toStatus(error));
      done(error.code, thrown);
    }
  };
}

/** Ends a stream, once what is queued is sent, with an error's public part. */
export function endWithError(stream: { emit(event: 'error', error: unknown): boolean }, error: AppError): void {
  stream.emit('error', toStatus(error));
}
