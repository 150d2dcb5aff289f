import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import type { GenService, GenServiceMethods } from '@bufbuild/protobuf/codegenv2';
import { type Channel, ChannelCredentials, Client, Metadata, status } from '@grpc/grpc-js';
import type { AppError } from '@leasehold/core';
import { type MethodWire, methodWire } from './bridge-server.ts';
import type { Outgoing } from './encoded-message.ts';
import { fromServiceError } from './errors.ts';

/** A service as seen by its caller: unary methods return promises, two-way methods a stream. */
export type ServiceClient<Methods extends GenServiceMethods> = { readonly [K in keyof Methods]: MethodCall<Methods[K]> } & {
  /** Ends the channel; calls in flight go on to their end. */
  close(): void;
};

type MethodCall<M> = M extends { methodKind: 'unary'; input: infer I extends DescMessage; output: infer O extends DescMessage }
  ? UnaryMethod<I, O>
  : M extends { methodKind: 'bidi_streaming'; input: infer I extends DescMessage; output: infer O extends DescMessage }
    ? BidiMethod<I, O>
    : never;

/** Rejects with AppError alone: the broker's own, or `broker_unreachable` for all that never came to an answer (deadline and abort too). */
export type UnaryMethod<I extends DescMessage, O extends DescMessage> = (
  request: Outgoing<I>,
  settings?: CallSettings,
) => Promise<MessageShape<O>>;

export type BidiMethod<I extends DescMessage, O extends DescMessage> = (on: StreamEvents<O>, settings?: CallSettings) => ClientStream<I>;

export interface CallSettings {
  /** Milliseconds from now. */
  readonly deadlineMs?: number;
  /** Cancels the call. */
  readonly signal?: AbortSignal;
  readonly metadata?: Readonly<Record<string, string>>;
}

export interface StreamEvents<O extends DescMessage> {
  message(message: MessageShape<O>): void;
  /** Exactly once, last: undefined when the other side ended without an error. */
  ended(error: AppError | undefined): void;
}

export interface ClientStream<I extends DescMessage> {
  /** False when the transport's buffer is full: it is queued all the same, so stop sending. Ignored after the end. */
  send(message: Outgoing<I>): boolean;
  /** Says that nothing more will be sent. */
  end(): void;
}

/** Calls one service over a channel, which several may share; to close one client is to close the channel. */
export function createClient<Methods extends GenServiceMethods>(desc: GenService<Methods>, channel: Channel): ServiceClient<Methods>;
// The descriptor links each name to its messages; code that loops over names works on the untyped form.
export function createClient(desc: Pick<GenService<GenServiceMethods>, 'methods'>, channel: Channel): object {
  // What a client is given besides belongs to a channel of its own, which this one has not.
  const client = new Client(channel.getTarget(), ChannelCredentials.createInsecure(), { channelOverride: channel });
  const calls = desc.methods.map((method) => {
    const wire = methodWire(method);
    return [method.localName, wire.responseStream ? bidiMethod(client, wire) : unaryMethod(client, wire)];
  });
  return { ...Object.fromEntries(calls), close: () => client.close() };
}

function unaryMethod(client: Client, { path, requestSerialize, responseDeserialize }: MethodWire): UnaryMethod<DescMessage, DescMessage> {
  return (request, { deadlineMs, signal, metadata } = {}) => {
    const { promise, resolve, reject } = Promise.withResolvers<MessageShape<DescMessage>>();
    const call = client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      metadataOf(metadata),
      deadlineOf(deadlineMs),
      (error, response) => {
        signal?.removeEventListener('abort', cancel);
        if (error === null && response !== undefined) resolve(response);
        else reject(fromServiceError(error));
      },
    );
    const cancel = () => call.cancel();
    signal?.addEventListener('abort', cancel, { once: true });
    if (signal?.aborted) cancel();
    return promise;
  };
}

function bidiMethod(client: Client, { path, requestSerialize, responseDeserialize }: MethodWire): BidiMethod<DescMessage, DescMessage> {
  return (on, { deadlineMs, signal, metadata } = {}) => {
    const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadataOf(metadata), deadlineOf(deadlineMs));
    const cancel = () => call.cancel();
    let isOver = false;
    const over = (error: AppError | undefined) => {
      if (isOver) return;
      isOver = true;
      signal?.removeEventListener('abort', cancel);
      on.ended(error);
    };
    call.on('data', (message) => {
      if (!isOver) on.message(message);
    });
    call.on('error', (error) => over(fromServiceError(error)));
    call.on('status', ({ code }) => {
      if (code === status.OK) over(undefined);
    });
    signal?.addEventListener('abort', cancel, { once: true });
    if (signal?.aborted) cancel();
    return {
      send: (message) => !isOver && call.write(message),
      end: () => call.end(),
    };
  };
}

function metadataOf(entries: Readonly<Record<string, string>> = {}): Metadata {
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(entries)) metadata.set(key, value);
  return metadata;
}

function deadlineOf(deadlineMs: number | undefined): { deadline?: number } {
  return deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs };
}
