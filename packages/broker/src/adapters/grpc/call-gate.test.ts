import { once } from 'node:events';
import http2, { type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Wired, wire } from './wired.suite.ts';

let wired: Wired;
let session: ClientHttp2Session;

beforeEach(async () => {
  wired = await wire({ receiveMs: 50 });
  session = http2.connect(`https://${wired.target}`, { ca: wired.certPem, servername: 'broker.test' });
  await once(session, 'connect');
});
afterEach(async () => {
  session.destroy();
  await wired.stop();
});

/** A call as far as its headers, which are not the end of it. */
function begin(path: string, authorization?: string): ClientHttp2Stream {
  const stream = session.request({
    ':method': 'POST',
    ':path': `/leasehold.v1.${path}`,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...(authorization !== undefined && { authorization }),
  });
  return stream.on('error', () => {});
}

async function codeOf(stream: ClientHttp2Stream): Promise<unknown> {
  const [headers] = await once(stream, 'response');
  return headers['leasehold-error'];
}

/** The first bytes of a message of this length. */
function partOf(length: number, sent: number): Buffer {
  const part = Buffer.alloc(5 + sent);
  part.writeUInt32BE(length, 1);
  return part;
}

test.each(['Acquire', 'Renew', 'Release', 'ReportUse', 'Watch'])(
  '%s: who proves nothing is refused before anything of the call is read',
  async (name) => {
    expect(await codeOf(begin(`LeaseService/${name}`))).toBe('identity_missing');
    expect(await codeOf(begin(`LeaseService/${name}`, 'Bearer of bad news'))).toBe('identity_missing');
    expect(await codeOf(begin(`LeaseService/${name}`, 'Bearer wrong'))).toBe('identity_invalid');
    expect(wired.asked).toEqual([]);
    expect(wired.observed).toEqual([`${name} identity_missing`, `${name} identity_missing`, `${name} identity_invalid`]);
  },
);

test('a request for a session is of a few kilobytes: a larger one is refused before it is whole', async () => {
  const stream = begin('SessionService/Open');
  stream.write(partOf(1_000_000, 9_000));
  expect(await codeOf(stream)).toBe('invalid_argument');
  expect(wired.asked).toEqual([]);
});

test.each([
  ['SessionService/Open', undefined],
  ['LeaseService/Acquire', 'Bearer s1'],
])('%s: a body that does not come is not waited for', async (path, authorization) => {
  const stream = begin(path, authorization);
  stream.write(partOf(100, 10));
  expect(await codeOf(stream)).toBe('bad_request');
  expect(wired.asked).toEqual([]);
});

test('a session token is checked once a call', async () => {
  await wired.leases.renew({ leaseId: 'l1' }, { metadata: { authorization: 'Bearer s1' } });
  expect(wired.verified).toBe(1);
});
