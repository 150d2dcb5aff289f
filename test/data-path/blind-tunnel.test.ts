import { connect } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type DataPath, type DataPathChanges, routeTo, startDataPath } from './rig.ts';
import { exchangeBytes, openPeer, parseAnswer, type ScriptedUpstream, startUpstream } from './sockets.ts';
import { openTunnel } from './tunnels.ts';

let other: ScriptedUpstream;
let path: DataPath;

beforeAll(async () => {
  other = await startUpstream((peer) => peer.socket.on('data', (chunk) => peer.write(`seen ${chunk}`)));
});

afterAll(() => other.close());

const asked: string[] = [];
/** No test has a public address to itself: what has been judged goes to a server here. */
const toOther: DataPathChanges = {
  service: { unmatched: { tunnelExceptTo: ['broker.example'] } },
  proxy: {
    dialBlind: ({ host, port }, connected) => {
      asked.push(`${host}:${port}`);
      const socket = connect(other.port, '127.0.0.1');
      socket.once('connect', () => connected(null, socket));
    },
  },
};

function dialTo(vendor: ScriptedUpstream): NonNullable<NonNullable<DataPathChanges['proxy']>['dialBlind']> {
  return (_, connected) => {
    const socket = connect(vendor.port, '127.0.0.1');
    socket.once('connect', () => connected(null, socket));
  };
}

async function start(changes: DataPathChanges): Promise<DataPath> {
  path = await startDataPath(changes);
  path.route(routeTo('https://api.example.com'));
  asked.length = 0;
  return path;
}

beforeEach(() => async () => path.close());

const connectTo = (authority: string) => `CONNECT ${authority} HTTP/1.1\r\nhost: ${authority}\r\n\r\n`;

describe('--unmatched=tunnel passes bytes to what no credential is bound to, and adds nothing', () => {
  test('both ways, recorded and counted as soon as it is there', async () => {
    await start(toOther);
    const tunnel = await openTunnel(path.port, 'other.example:443');
    tunnel.write('as it is');
    await tunnel.until(/seen as it is$/);
    const peer = await other.peer(other.peers.length - 1);
    expect(peer.received).toBe('as it is');
    const recorded = [
      { method: 'CONNECT', authority: 'https://other.example:443', outcome: 'passed_blind', credentialId: '', leaseId: '' },
    ];
    expect([asked, path.issued, path.results]).toEqual([['other.example:443'], [], ['passed_blind']]);
    expect(path.uses).toMatchObject(recorded);
    tunnel.socket.destroy();
    await peer.closed();
    expect(path.uses).toMatchObject(recorded);
  });

  test('bytes that came with the head of the CONNECT go first', async () => {
    await start(toOther);
    const agent = await openPeer(path.port);
    agent.write(`${connectTo('other.example:443')}early`);
    expect(await agent.until(/early$/)).toBe('HTTP/1.1 200 Connection Established\r\n\r\nseen early');
    agent.socket.destroy();
  });

  test.each(['agent', 'vendor'])('when the %s cuts, the other side is cut too', async (side) => {
    await start(toOther);
    const tunnel = await openTunnel(path.port, 'other.example:443');
    tunnel.write('x');
    await tunnel.until(/seen x/);
    const peer = await other.peer(other.peers.length - 1);
    (side === 'agent' ? tunnel : peer).socket.resetAndDestroy();
    await (side === 'agent' ? peer : tunnel).closed();
    await expect.poll(() => path.kept.size).toBe(0);
  });

  test('an upload goes on after the vendor has ended its half', async () => {
    const vendor = await startUpstream((peer) => {
      peer.socket.allowHalfOpen = true;
      peer.socket.once('data', () => peer.socket.end());
    });
    await start({ ...toOther, proxy: { dialBlind: dialTo(vendor) } });
    const tunnel = await openTunnel(path.port, 'other.example:443');
    tunnel.socket.allowHalfOpen = true;
    tunnel.write('first');
    await new Promise((resolve) => tunnel.socket.once('end', resolve));
    tunnel.socket.end('second');
    const peer = await vendor.peer(0);
    await peer.closed();
    expect(peer.received).toBe('firstsecond');
    await vendor.close();
  });

  test('half of an orderly end is passed on: the answer still comes', async () => {
    const late = await startUpstream((peer) => peer.socket.on('end', () => peer.socket.end('all of it')));
    await start({ ...toOther, proxy: { dialBlind: dialTo(late) } });
    const tunnel = await openTunnel(path.port, 'other.example:443');
    tunnel.socket.end('question');
    expect((await tunnel.closed()).received).toContain('all of it');
    await late.close();
  });

  test('THREATS 39: one that nothing passes through is ended', async () => {
    await start({ ...toOther, proxy: { ...toOther.proxy, blindIdleMs: 100 } });
    const tunnel = await openTunnel(path.port, 'other.example:443');
    await tunnel.closed();
  });

  test('all are cut when the agent is served no longer', async () => {
    await start(toOther);
    const tunnel = await openTunnel(path.port, 'other.example:443');
    path.kept.close();
    await tunnel.closed();
    await (await other.peer(other.peers.length - 1)).closed();
  });
});

describe('and still refuses', () => {
  const refused = async (authority: string) => {
    const { status, headers } = parseAnswer(await exchangeBytes(path.port, connectTo(authority)));
    return [status, headers['x-leasehold-error']];
  };

  test.each([
    ['a host that a credential is bound to, at another port', 'api.example.com:8443', 'no_route'],
    ['THREATS 12: SSH', 'other.example:22', 'no_route'],
    ['THREATS 12: the broker', 'broker.example:443', 'address_forbidden'],
    ['a metadata service', '169.254.169.254:80', 'address_forbidden'],
  ])('%s', async (_, authority, code) => {
    await start(toOther);
    expect(await refused(authority)).toEqual([403, code]);
    expect(asked).toEqual([]);
    expect(path.uses).toMatchObject([{ outcome: code, httpStatus: 403 }]);
  });

  test.each([
    ['a private address', '10.0.0.1:443', undefined],
    ['loopback', '127.0.0.1:443', undefined],
    ['loopback in IPv6', '[::1]:443', undefined],
    ['a v4-mapped address', '[::ffff:127.0.0.1]:443', undefined],
    ['THREATS 11: a name that resolves to a private address', 'inner.example:443', ['10.0.0.1']],
    ['THREATS 11: a name with one private address among public ones', 'inner.example:443', ['192.0.32.8', '10.0.0.1']],
  ])('%s', async (_, authority, addresses) => {
    await start({ service: { unmatched: { tunnelExceptTo: [] } } });
    if (addresses !== undefined) path.names.set('inner.example', [addresses]);
    expect(await refused(authority)).toEqual([403, 'address_forbidden']);
    expect(path.uses).toMatchObject([{ method: 'CONNECT', outcome: 'address_forbidden' }]);
  });

  test('a host that does not exist is the upstream’s fault', async () => {
    await start({ service: { unmatched: { tunnelExceptTo: [] } } });
    path.names.set('gone.example', [[]]);
    expect(await refused('gone.example:443')).toEqual([502, 'upstream_unreachable']);
  });
});
