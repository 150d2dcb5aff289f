import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { type Client, credentials, Metadata, makeGenericClientConstructor, type ServiceError, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type DevStack, startDevStack } from '../harness/dev-stack.ts';
import { echoService, type GrpcVendor, startGrpcVendor } from '../harness/grpc-vendor.ts';
import { addCredential, eventually, grant } from '../harness/lending.ts';

// A real gRPC client that knows nothing but the proxy variable and the sidecar's CA, and a real gRPC server.

const value = 'sk-grpc-0123456789/abc+def=';
const masked = '*'.repeat(value.length);
const bytes = (buffer: Buffer) => buffer;
let stack: DevStack;
let vendor: GrpcVendor;
let client: Client;

beforeAll(async () => {
  [stack, vendor] = await Promise.all([startDevStack(), startGrpcVendor()]);
  await addCredential(stack, vendor, { name: 'grpc', value });
  await grant(stack, 'grpc', '--ttl', '5m');
  vi.stubEnv('grpc_proxy', stack.ready.proxy_url);
  vi.stubEnv('no_grpc_proxy', '');
  vi.stubEnv('no_proxy', '');
  client = await connect(vendor.port);
  await eventually(
    () => unary('first').catch((error: ServiceError) => error.code),
    (answer) => typeof answer === 'string',
  );
});

afterAll(async () => {
  client?.close();
  vi.unstubAllEnvs();
  vendor?.close();
  await stack?.close();
});

beforeEach(() => {
  vendor.seen.length = 0;
  vendor.ended.length = 0;
});

async function connect(port: number): Promise<Client> {
  const Echo = makeGenericClientConstructor(echoService, 'Echo');
  return new Echo(`localhost:${port}`, credentials.createSsl(await readFile(stack.ready.agent_ca_file)));
}

function unary(text: string, metadata = new Metadata()): Promise<string> {
  return new Promise((resolve, reject) => {
    const answered = (error: ServiceError | null, answer?: Buffer) => (error === null ? resolve(String(answer)) : reject(error));
    client.makeUnaryRequest(echoService.unary.path, bytes, bytes, Buffer.from(text), metadata, {}, answered);
  });
}

const chat = () => client.makeBidiStreamRequest(echoService.chat.path, bytes, bytes, new Metadata(), {});

describe('a gRPC call through the sidecar', () => {
  test('unary: the vendor sees our credential, the client never does, and metadata and trailers pass', async () => {
    const metadata = new Metadata();
    metadata.set('authorization', 'Bearer mine');
    metadata.set('x-kept', 'yes');
    const trailers = Promise.withResolvers<Metadata>();
    const answer = new Promise<string>((resolve, reject) => {
      const call = client.makeUnaryRequest(echoService.unary.path, bytes, bytes, Buffer.from('hello'), metadata, {}, (error, answered) =>
        error === null ? resolve(String(answered)) : reject(error),
      );
      call.on('status', (end) => trailers.resolve(end.metadata));
    });
    expect(await answer).toBe(`hello Bearer ${masked}`);
    expect(vendor.seen[0]?.metadata.get('authorization')).toEqual([`Bearer ${value}`]);
    expect(vendor.seen[0]?.metadata.get('x-kept')).toEqual(['yes']);
    expect((await trailers.promise).get('authorization')).toEqual([`Bearer ${masked}`]);
  });

  test('an error of the vendor’s is the vendor’s error, scrubbed', async () => {
    await expect(unary('fail')).rejects.toMatchObject({ code: status.FAILED_PRECONDITION, details: `no: Bearer ${masked}` });
  });

  test('client, server and two-way streams pass, and the end of each', async () => {
    const collected = Promise.withResolvers<string>();
    const collecting = client.makeClientStreamRequest(echoService.collect.path, bytes, bytes, new Metadata(), {}, (error, answer) =>
      error === null ? collected.resolve(String(answer)) : collected.reject(error),
    );
    for (const part of ['a', 'b', 'c']) collecting.write(Buffer.from(part));
    collecting.end();
    expect(await collected.promise).toBe('abc');

    const repeated = client.makeServerStreamRequest(echoService.repeat.path, bytes, bytes, Buffer.from('x'), new Metadata(), {});
    expect(Buffer.concat(await repeated.toArray()).toString()).toBe('xxxxx');

    const talk = chat();
    for (const word of ['one', 'two', 'three']) {
      talk.write(Buffer.from(word));
      expect(String((await once(talk, 'data'))[0])).toBe(word);
    }
    talk.end();
    const [end] = await once(talk, 'status');
    expect(end.code).toBe(status.OK);
  });

  test('a message larger than all windows arrives whole', async () => {
    const talk = client.makeServerStreamRequest(echoService.repeat.path, bytes, bytes, Buffer.alloc(1_000_000, 'x'), new Metadata(), {});
    expect(Buffer.concat(await talk.toArray()).length).toBe(5_000_000);
  });

  test('a deadline goes along, and ends the call at the vendor', async () => {
    const failed = Promise.withResolvers<ServiceError>();
    const deadline = Date.now() + 500;
    client.makeUnaryRequest(echoService.never.path, bytes, bytes, Buffer.from('x'), new Metadata(), { deadline }, (error) =>
      failed.resolve(error ?? Object.assign(new Error('answered'), { code: 0, details: '', metadata: new Metadata() })),
    );
    expect((await failed.promise).code).toBe(status.DEADLINE_EXCEEDED);
    await eventually(
      async () => vendor.ended,
      (ended) => ended.includes('never cancelled'),
    );
    expect(vendor.seen.map(({ method }) => method)).toEqual(['never']);
  });

  test('a call that the client cancels is cancelled at the vendor', async () => {
    const talk = chat();
    talk.on('error', () => undefined);
    talk.write(Buffer.from('x'));
    await once(talk, 'data');
    talk.cancel();
    await eventually(
      async () => vendor.ended,
      (ended) => ended.includes('chat cancelled'),
    );
  });
});

describe('INV-1 and INV-6: what is not lent, and what is lent no longer', () => {
  test('without the grant the call fails with a reason in gRPC’s words, and nothing is forwarded', async () => {
    await stack.ok(['grant', 'revoke', '--agent', 'dev', '--credential', 'grpc', '--yes', '--wait']);
    const failure = await unary('x').catch((error: ServiceError) => error);
    expect(failure).toMatchObject({ code: status.PERMISSION_DENIED, details: expect.stringContaining('grant') });
    expect(vendor.seen).toEqual([]);
    await grant(stack, 'grpc', '--ttl', '5m');
    await eventually(
      () => unary('again').catch((error: ServiceError) => error.code),
      (answer) => typeof answer === 'string',
    );
  });

  test('a revocation cuts a stream on both sides, and the next call is refused', async () => {
    const talk = chat();
    const ended = once(talk, 'error');
    talk.write(Buffer.from('x'));
    await once(talk, 'data');
    await stack.ok(['credential', 'suspend', 'grpc', '--wait']);
    expect((await ended)[0].code).not.toBe(status.OK);
    await eventually(
      async () => vendor.ended,
      (all) => all.includes('chat cancelled'),
    );
    expect(await unary('x').catch((error: ServiceError) => [error.code, error.details])).toEqual([
      status.PERMISSION_DENIED,
      expect.stringContaining('suspended'),
    ]);
    await stack.ok(['credential', 'resume', 'grpc']);
  });
});
