import { Channel, ChannelCredentials, Server, ServerCredentials } from '@grpc/grpc-js';
import { AppError } from '@leasehold/core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createClient, type ServiceClient } from './bridge-client.ts';
import { addService, endWithError, type ServerStream, unary } from './bridge-server.ts';
import { EncodedMessage, encode } from './encoded-message.ts';
import { AcquireResponseSchema, LeaseService } from './gen/leasehold/v1/lease_pb.ts';
import { ReportUseResponseSchema } from './gen/leasehold/v1/use_pb.ts';
import { type WatchRequestSchema, type WatchResponse, WatchResponseSchema } from './gen/leasehold/v1/watch_pb.ts';

type WatchStream = ServerStream<typeof WatchRequestSchema, typeof WatchResponseSchema>;
let server: Server;
let client: ServiceClient<typeof LeaseService.method>;
let watched: (stream: WatchStream) => void;
let seen: string[];
let sentSecret: EncodedMessage;
let observed: string[];
const hangs = Promise.withResolvers<never>();

beforeEach(async () => {
  seen = [];
  observed = [];
  server = new Server();
  sentSecret = new EncodedMessage(
    AcquireResponseSchema.typeName,
    encode(AcquireResponseSchema, { leaseId: 'l1', value: Buffer.from('canary') }).bytes,
    {
      isWipedOnceSent: true,
    },
  );
  addService(server, LeaseService, {
    acquire: unary(
      async ({ credentialId, ttlMs }, call) => {
        seen.push(credentialId, String(ttlMs), String(call.metadata.get('authorization')[0]));
        return sentSecret;
      },
      ({ path, outcome }) => observed.push(`${path} ${outcome}`),
    ),
    renew: unary(
      async () => {
        throw new AppError('lease_ended', 'The lease has ended: acquire a new one.', { cause: new Error('inner') });
      },
      ({ path, outcome }) => observed.push(`${path} ${outcome}`),
    ),
    release: unary(() => hangs.promise),
    reportUse: unary(async () => encode(AcquireResponseSchema, { leaseId: 'wrong type' })),
    watch: (stream) => watched(stream),
  });
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  client = createClient(
    LeaseService,
    new Channel(`127.0.0.1:${port}`, ChannelCredentials.createInsecure(), { 'grpc.enable_http_proxy': 0 }),
  );
});

afterEach(() => {
  client.close();
  server.forceShutdown();
});

test('a call carries its message and metadata there and its answer back', async () => {
  const answer = await client.acquire({ credentialId: 'c1', ttlMs: 5n }, { metadata: { authorization: 'Bearer s' }, deadlineMs: 10_000 });
  expect(seen).toEqual(['c1', '5', 'Bearer s']);
  expect([answer.leaseId, Buffer.from(answer.value).toString()]).toEqual(['l1', 'canary']);
  expect(observed).toEqual(['/leasehold.v1.LeaseService/Acquire ok']);
});

test('an answer that carries a secret is zeroed once it is sent', async () => {
  await client.acquire({ credentialId: 'c1' });
  expect(sentSecret.bytes.every((byte) => byte === 0)).toBe(true);
});

test('what a handler throws arrives as the same AppError, without its cause', async () => {
  const error = await client.renew({ leaseId: 'l1' }).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 'lease_ended', message: 'The lease has ended: acquire a new one.' });
  expect(String(error)).not.toContain('inner');
  expect(observed).toEqual(['/leasehold.v1.LeaseService/Renew lease_ended']);
});

test('bytes encoded as another message are not sent', async () => {
  expect(ReportUseResponseSchema.typeName).not.toBe(AcquireResponseSchema.typeName);
  await expect(client.reportUse({})).rejects.toMatchObject({ code: 'broker_unreachable' });
});

test('a deadline and an abort both end a call that hangs', async () => {
  await expect(client.release({}, { deadlineMs: 20 })).rejects.toMatchObject({ code: 'broker_unreachable' });
  const stop = new AbortController();
  const call = client.release({}, { signal: stop.signal });
  stop.abort();
  await expect(call).rejects.toMatchObject({ code: 'broker_unreachable' });
  await expect(client.release({}, { signal: stop.signal })).rejects.toMatchObject({ code: 'broker_unreachable' });
});

test('a stream carries messages both ways, encoded once or not, and ends once', async () => {
  const pong = encode(WatchResponseSchema, { message: { case: 'pong', value: { id: 7n, headSeq: 1n } } });
  watched = (stream) => {
    stream.on('data', () => {
      stream.write(pong);
      stream.write(pong);
      stream.write({ message: { case: 'reset', value: { why: 'test' } } });
      stream.end();
    });
  };
  const got: (string | undefined)[] = [];
  const { promise, resolve } = Promise.withResolvers<AppError | undefined>();
  const stream = client.watch({ message: ({ message }: WatchResponse) => got.push(message.case), ended: resolve });
  expect(stream.send({ message: { case: 'ping', value: { id: 7n } } })).toBe(true);
  expect(await promise).toBeUndefined();
  expect(got).toEqual(['pong', 'pong', 'reset']);
  expect(stream.send({})).toBe(false);
});

test('a stream that fails ends with the error that the other side named, after what was sent before', async () => {
  watched = (stream) => {
    stream.write({ message: { case: 'reset', value: { why: 'test' } } });
    endWithError(stream, new AppError('identity_invalid', 'Open a new session.'));
  };
  const got: (string | undefined)[] = [];
  const ends: (AppError | undefined)[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  client.watch({
    message: ({ message }) => got.push(message.case),
    ended: (error) => {
      ends.push(error);
      resolve();
    },
  });
  await promise;
  expect(got).toEqual(['reset']);
  expect(ends.map((error) => error?.code)).toEqual(['identity_invalid']);
});

test('aborting a stream cancels it on both sides', async () => {
  const cancelled = Promise.withResolvers<void>();
  const stop = new AbortController();
  watched = (stream) => {
    stream.on('cancelled', () => cancelled.resolve());
    stream.on('data', () => stop.abort());
  };
  const { promise, resolve } = Promise.withResolvers<AppError | undefined>();
  client.watch({ message: () => {}, ended: resolve }, { signal: stop.signal }).send({});
  expect(await promise).toMatchObject({ code: 'broker_unreachable' });
  await cancelled.promise;
});
