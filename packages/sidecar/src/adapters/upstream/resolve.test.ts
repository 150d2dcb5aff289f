import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createResolveByServers, joinLookups, type Resolve } from './resolve.ts';

const all = (resolve: Resolve, host: string) =>
  new Promise<readonly string[]>((done, failed) => resolve(host, (error, addresses) => (error === null ? done(addresses) : failed(error))));

describe('look-ups of one host', () => {
  test('that overlap are one, and the next is another', () => {
    const asked: ((error: Error | null, addresses: readonly string[]) => void)[] = [];
    const told: unknown[] = [];
    const resolve = joinLookups((_, callback) => asked.push(callback));
    for (const who of ['a', 'b']) resolve('one.example', (_, addresses) => told.push([who, addresses]));
    resolve('two.example', () => undefined);
    expect(asked).toHaveLength(2);
    asked[0]?.(null, ['192.0.2.1']);
    expect(told).toEqual([
      ['a', ['192.0.2.1']],
      ['b', ['192.0.2.1']],
    ]);
    resolve('one.example', (error) => told.push(error?.message));
    expect(asked).toHaveLength(3);
    asked[2]?.(new Error('gone'), []);
    expect(told.at(-1)).toBe('gone');
  });
});

describe('a name server that is asked directly', () => {
  let server: Socket;
  let resolve: Resolve;
  const unanswered = new Set<string>();

  beforeEach(async () => {
    server = createSocket('udp4', (question, from) => {
      const { name, type } = readQuestion(question);
      if (name.endsWith('.slow.example')) unanswered.add(name);
      else server.send(answerTo(question, type, name), from.port, from.address);
    }).bind(0, '127.0.0.1');
    await once(server, 'listening');
    unanswered.clear();
    resolve = createResolveByServers([`127.0.0.1:${server.address().port}`]);
  });

  afterEach(() => server.close());

  test('says all addresses, IPv4 first, or that there are none', async () => {
    expect(await all(resolve, 'both.example')).toEqual(['192.0.2.1', '2001:db8::1']);
    expect(await all(resolve, 'four.example')).toEqual(['192.0.2.1']);
    await expect(all(resolve, 'none.example')).rejects.toThrow();
  });

  test('THREATS 34: hundreds of names whose server keeps silent hold up no other', async () => {
    for (let number = 0; number < 500; number += 1) {
      resolve(`a${number}.slow.example`, () => undefined);
      // As many as the socket of a server in this process keeps.
      while (unanswered.size < number - 50) await new Promise((done) => setImmediate(done));
    }
    expect(await all(resolve, 'both.example')).toHaveLength(2);
    expect(unanswered.size).toBeGreaterThan(400);
  });
});

/** RFC 1035 section 4.1.2; one question, as every client sends. */
function readQuestion(message: Buffer): { readonly name: string; readonly type: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = message[at] ?? 0; length > 0; length = message[at] ?? 0) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), type: message.readUInt16BE(at + 1) };
}

const addresses: Readonly<Record<string, Readonly<Record<number, Buffer>>>> = {
  'both.example': { 1: Buffer.from([192, 0, 2, 1]), 28: Buffer.from('20010db8000000000000000000000001', 'hex') },
  'four.example': { 1: Buffer.from([192, 0, 2, 1]) },
};

function answerTo(question: Buffer, type: number, name: string): Buffer {
  const address = addresses[name]?.[type];
  const end = question.indexOf(0, 12) + 5;
  const head = Buffer.from(question.subarray(0, end));
  head.writeUInt16BE(name in addresses ? 0x8180 : 0x8183, 2);
  head.writeUInt16BE(address === undefined ? 0 : 1, 6);
  head.writeUInt16BE(0, 10);
  if (address === undefined) return head;
  const record = Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60, 0, address.length]);
  return Buffer.concat([head, record, address]);
}
