import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type DataPath, routeTo, startDataPath } from './rig.ts';
import { answerEach, exchangeBytes, parseAnswer, plainOk, type ScriptedUpstream, startUpstream } from './sockets.ts';

let upstream: ScriptedUpstream;
let path: DataPath;
const closers: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  upstream = await own(startUpstream(plainOk));
  path = await own(startDataPath());
});

afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

async function own<Closable extends { close(): Promise<unknown> }>(starting: Promise<Closable>): Promise<Closable> {
  const started = await starting;
  closers.push(() => started.close());
  return started;
}

async function ask({ port } = path): Promise<{ status: number; code: string | undefined }> {
  const text = await exchangeBytes(port, `GET /api/x HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nconnection: close\r\n\r\n`);
  const { status, headers } = parseAnswer(text);
  return { status, code: headers['x-leasehold-error'] };
}

describe('INV-8, THREATS 11: a name is resolved once, every address is checked, and one that was checked is dialled', () => {
  const resolvesTo = (...lists: readonly (readonly string[])[]) => path.names.set('api.example', [...lists]);
  const toExample = (privateCidrs: readonly string[] = []) =>
    path.route(routeTo(`http://api.example:${upstream.port}`, { destination: { privateCidrs } }));

  test.each([
    ['127.0.0.1'],
    ['10.1.2.3'],
    ['169.254.169.254'],
    ['100.64.0.1'],
    ['0.0.0.0'],
    ['::'],
    ['::1'],
    ['fd00::1'],
    ['::ffff:127.0.0.1'],
    ['64:ff9b::7f00:1'],
    ['2002:7f00:1::'],
  ])('%s is refused, and nobody hears of the request', async (address) => {
    toExample();
    resolvesTo([address]);
    expect(await ask()).toEqual({ status: 403, code: 'address_forbidden' });
    expect(upstream.peers).toHaveLength(0);
    expect(path.uses.map(({ outcome }) => outcome)).toEqual(['address_forbidden']);
  });

  test('one private address among several is enough, wherever it stands', async () => {
    toExample(['127.0.0.0/8']);
    for (const addresses of [
      ['127.0.0.1', '10.0.0.1'],
      ['10.0.0.1', '127.0.0.1'],
    ]) {
      resolvesTo(addresses);
      expect(await ask()).toEqual({ status: 403, code: 'address_forbidden' });
    }
    expect(upstream.peers).toHaveLength(0);
  });

  test('a name that turns private between two connections is refused at the second one', async () => {
    resolvesTo(['127.0.0.1'], ['127.0.0.2']);
    const closing = await own(
      startUpstream((peer) => answerEach(peer, 'HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n')),
    );
    path.route(routeTo(`http://api.example:${closing.port}`, { destination: { privateCidrs: ['127.0.0.1/32'] } }));
    expect((await ask()).status).toBe(200);
    expect(await ask()).toEqual({ status: 403, code: 'address_forbidden' });
    expect(closing.peers).toHaveLength(1);
  });

  test('between the check and the dial nobody is asked again', async () => {
    let lookUps = 0;
    const counting = await own(
      startDataPath({
        upstream: {
          resolve: (_, callback) => {
            lookUps += 1;
            callback(null, lookUps === 1 ? ['127.0.0.1'] : ['127.0.0.2']);
          },
        },
      }),
    );
    counting.route(routeTo(`http://api.example:${upstream.port}`, { destination: { privateCidrs: ['127.0.0.1/32'] } }));
    expect((await ask(counting)).status).toBe(200);
    expect(lookUps).toBe(1);
  });

  test('of several addresses the next one is tried when one does not answer', async () => {
    toExample(['127.0.0.0/8']);
    resolvesTo(['127.0.0.9', '127.0.0.1']);
    expect((await ask()).status).toBe(200);
  });

  test('a private literal in the destination is no way around it', async () => {
    path.route(routeTo(`http://127.0.0.1:${upstream.port}`, { destination: { privateCidrs: [] } }));
    expect(await ask()).toEqual({ status: 403, code: 'address_forbidden' });
  });

  test.each([
    ['without addresses', []],
    ['whose addresses nobody listens on', ['127.0.0.2', '127.0.0.3']],
  ])('a name %s is 502', async (_, addresses) => {
    toExample(['127.0.0.0/8']);
    resolvesTo(addresses);
    expect(await ask()).toEqual({ status: 502, code: 'upstream_unreachable' });
  });

  test('a name server that keeps silent is 504', async () => {
    const quick = await own(startDataPath({ upstream: { timeoutMs: 100, resolve: () => undefined } }));
    quick.route(routeTo(`http://api.example:${upstream.port}`));
    expect(await ask(quick)).toEqual({ status: 504, code: 'upstream_timeout' });
  });
});
