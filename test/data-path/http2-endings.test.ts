import { once } from 'node:events';
import { connect, type ServerHttp2Stream } from 'node:http2';
import { afterEach, describe, expect, test } from 'vitest';
import { createTestCa } from '../harness/certificates.ts';
import { eventually } from './eventually.ts';
import { answerTo, type H2Rig, type H2RigOptions, startH2Rig } from './h2-rig.ts';
import { startUpstream } from './sockets.ts';

// How connections of HTTP/2 end, on either side, and what of them is left.

let rig: H2Rig;
let seen: ServerHttp2Stream[];

async function start(onStream: H2RigOptions['onStream'] = () => undefined, more: H2RigOptions = {}) {
  seen = [];
  rig = await startH2Rig({
    ...more,
    onStream: (stream, ...rest) => {
      seen.push(stream);
      onStream(stream, ...rest);
    },
  });
}

afterEach(() => rig.close());

test('a vendor that ends its half of a connection has broken off what it has not told to its end; the rest is still read', async () => {
  await start((stream, rawHeaders) => {
    stream.respond({ ':status': 200 });
    if (rawHeaders.includes('/whole')) stream.end('w'.repeat(100_000));
    else stream.write('beginning');
  });
  const session = await rig.connect();
  const whole = session.request({ ':path': '/whole' });
  const broken = session.request({ ':path': '/broken' });
  await Promise.all([once(whole, 'response'), once(broken, 'response')]);
  await eventually(() => seen.some((stream) => stream.closed));
  rig.vendorSockets[0]?.end();
  const answers = await Promise.all([answerTo(whole), answerTo(broken)]);
  expect(answers.map(({ body, resetCode }) => [body.length, resetCode])).toEqual([
    [100_000, 0],
    ['beginning'.length, 2],
  ]);
  session.close();
});

test('THREATS 39: a vendor that does not end its side of a connection that is over does not hold ours', async () => {
  const ca = await createTestCa();
  const { certPem: cert, keyPem: key } = await ca.issue(['localhost']);
  const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
  const okOnStream1 = Buffer.from([0, 0, 1, 1, 5, 0, 0, 0, 1, 0x88]);
  const vendor = await startUpstream(
    (peer) => {
      peer.write(settings);
      peer.socket.once('data', () => peer.write(okOnStream1));
    },
    { cert, key, ALPNProtocols: ['h2'], allowHalfOpen: true },
  );
  await start(undefined, { vendorPort: vendor.port, ca, path: { upstream: { idleConnectionMs: 50 } } });
  const session = await rig.connect();
  expect((await answerTo(session.request({ ':path': '/x' }, { endStream: true }))).status).toBe(200);
  session.close();
  const { socket } = await vendor.peer(0);
  await once(socket, 'end');
  expect([socket.destroyed, rig.path.isConnectedTo(socket)]).toEqual([false, true]);
  await eventually(() => !rig.path.isConnectedTo(socket));
  await vendor.close();
});

describe('an agent that ends its half of a connection is gone', () => {
  test('without a word of HTTP/2, and nothing is kept of it', async () => {
    await start();
    const socket = await rig.connectRaw();
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    await eventually(() => rig.path.kept.size === 1);
    socket.end();
    await eventually(() => rig.path.kept.size === 0);
  });

  test('THREATS 39: and so is one that said goodbye and does not end its own', async () => {
    await start();
    const socket = await rig.connectRaw();
    socket.allowHalfOpen = true;
    const settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    const goaway = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    socket.resume().write(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), Buffer.from([...settings, ...goaway])]));
    await once(socket, 'end');
    expect([socket.destroyed, rig.path.kept.size]).toEqual([false, 1]);
    await eventually(() => rig.path.kept.size === 0);
  });

  test('in the middle of an answer, and so is its request at the vendor', async () => {
    await start((stream) => {
      stream.respond({ ':status': 200 });
      stream.write('some');
    });
    const socket = await rig.connectRaw();
    const session = connect(`https://${rig.authority}`, { createConnection: () => socket }).on('error', () => undefined);
    const stream = session.request({ ':path': '/x' }).on('error', () => undefined);
    await once(stream, 'data');
    socket.end();
    await eventually(() => rig.path.kept.size === 0 && seen[0]?.closed === true);
    expect(rig.path.uses.map(({ outcome }) => outcome)).toEqual(['forwarded']);
  });
});
