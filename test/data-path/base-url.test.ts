import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { throughBaseUrl, throughProxy } from '../harness/agent-http.ts';
import { type DataPath, routeTo, secretValue, startDataPath } from './rig.ts';
import { type ScriptedUpstream, startUpstream } from './sockets.ts';

let upstream: ScriptedUpstream;
let path: DataPath;
let fields: string;

beforeAll(async () => {
  upstream = await startUpstream((peer) =>
    peer.socket.once('data', () => peer.socket.end(`HTTP/1.1 302 Found\r\ncontent-length: 0\r\nconnection: close\r\n${fields}\r\n`)),
  );
  path = await startDataPath();
  path.route(routeTo(`http://localhost:${upstream.port}`));
});

afterAll(async () => {
  await path.close();
  await upstream.close();
});

const byBaseUrl = () => throughBaseUrl(path.port, '/api/v1/jobs?x=1');
const byProxy = () => throughProxy(path.port, `http://localhost:${upstream.port}/v1/jobs?x=1`);
const base = () => `http://127.0.0.1:${path.port}/api`;

describe('an answer that speaks of the upstream’s own addresses', () => {
  test('leads an agent that uses the base URL back to it, with what follows byte by byte', async () => {
    fields = `location: http://localhost:${upstream.port}/v1/next?a=%2F\r\nlink: </v1/jobs?page=2>; rel="next"\r\nset-cookie: a=1; Domain=localhost; Path=/; Secure\r\n`;
    const { headers } = await byBaseUrl();
    expect(headers.location).toBe(`${base()}/v1/next?a=%2F`);
    expect(headers.link).toBe(`<${base()}/v1/jobs?page=2>; rel="next"`);
    expect(headers['set-cookie']).toEqual(['a=1; Path=/api/']);
    upstream.peers.length = 0;
    await throughBaseUrl(path.port, String(headers.location).slice(base().length - '/api'.length));
    expect(upstream.received[0]).toMatch(/^GET \/v1\/next\?a=%2F HTTP/);
  });

  test('is left alone for an agent that uses the proxy', async () => {
    fields = `location: http://localhost:${upstream.port}/v1/next\r\nset-cookie: a=1; Path=/; Secure\r\n`;
    const { headers } = await byProxy();
    expect(headers.location).toBe(`http://localhost:${upstream.port}/v1/next`);
    expect(headers['set-cookie']).toEqual(['a=1; Path=/; Secure']);
  });

  test('THREATS 3: an address elsewhere is handed back untouched, and nobody follows it', async () => {
    fields = 'location: https://elsewhere.example/x\r\n';
    const before = upstream.peers.length;
    for (const ask of [byBaseUrl, byProxy]) {
      const { status, headers } = await ask();
      expect([status, headers.location]).toEqual([302, 'https://elsewhere.example/x']);
    }
    expect(upstream.peers.length).toBe(before + 2);
  });

  test('INV-10: the secret in one is scrubbed before it is rewritten', async () => {
    fields = `location: http://localhost:${upstream.port}/v1?k=${secretValue}&l=${encodeURIComponent(secretValue)}\r\n`;
    const { headers } = await byBaseUrl();
    expect(headers.location).toMatch(/\/api\/v1\?k=\*+&l=\*+$/);
  });
});
