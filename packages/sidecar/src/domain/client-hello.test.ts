import { Duplex } from 'node:stream';
import { connect } from 'node:tls';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readClientHello } from './client-hello.ts';

/** What Node's own client sends first. */
async function helloOf(servername: string): Promise<Buffer> {
  const written = Promise.withResolvers<Buffer>();
  const catcher = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _, done) => {
      written.resolve(chunk);
      done();
    },
  });
  const client = connect({ socket: catcher, servername, rejectUnauthorized: false });
  client.on('error', () => undefined);
  const hello = await written.promise;
  client.destroy();
  return hello;
}

/** The same message, cut into records of this size. */
function inRecords(hello: Buffer, size: number): Buffer {
  const message = hello.subarray(5);
  const records: Buffer[] = [];
  for (let at = 0; at < message.length; at += size) {
    const part = message.subarray(at, at + size);
    records.push(Buffer.of(0x16, 3, 1, part.length >> 8, part.length & 0xff), part);
  }
  return Buffer.concat(records);
}

describe('the name that a client asks TLS for is read from its first bytes', () => {
  test.each(['api.example.com', 'a.example', 'xn--bcher-kva.example'])('%s', async (name) => {
    expect(readClientHello(await helloOf(name))).toEqual({ kind: 'hello', serverName: name });
  });

  test('a client that names none', async () => {
    expect(readClientHello(await helloOf(''))).toEqual({ kind: 'hello', serverName: undefined });
  });

  test.each([1, 7, 100, 1_000])('when it comes in records of %i bytes', async (size) => {
    expect(readClientHello(inRecords(await helloOf('api.example.com'), size))).toEqual({ kind: 'hello', serverName: 'api.example.com' });
  });

  test('every beginning of it is partial, and what follows it does not matter', async () => {
    const hello = await helloOf('api.example.com');
    for (let length = 0; length < hello.length; length += 1)
      expect(readClientHello(hello.subarray(0, length))).toEqual({ kind: 'partial' });
    expect(readClientHello(Buffer.concat([hello, Buffer.of(0x16, 3, 3)]))).toMatchObject({ kind: 'hello' });
  });
});

describe('anything else is invalid, and nothing throws', () => {
  test.each([
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n')],
    ['another record', Buffer.of(0x15, 3, 1, 0, 2, 2, 40)],
    ['another message', Buffer.of(0x16, 3, 1, 0, 4, 2, 0, 0, 0)],
    ['an empty record', Buffer.of(0x16, 3, 1, 0, 0)],
    ['a record that is too long', Buffer.of(0x16, 3, 1, 0xff, 0xff)],
    ['a hello without its parts', Buffer.of(0x16, 3, 1, 0, 6, 1, 0, 0, 2, 3, 3)],
  ])('%s', (_, bytes) => {
    expect(readClientHello(bytes)).toEqual({ kind: 'invalid' });
  });

  test('whatever bytes are changed in a real one', async () => {
    const hello = await helloOf('api.example.com');
    const change = fc.record({ at: fc.nat(hello.length - 1), byte: fc.nat(255) });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 8 }), (changes) => {
        const broken = Buffer.from(hello);
        for (const { at, byte } of changes) broken[at] = byte;
        expect(['partial', 'hello', 'invalid']).toContain(readClientHello(broken).kind);
      }),
    );
  });
});
