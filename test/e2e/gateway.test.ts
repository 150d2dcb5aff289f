import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openPeer, parseAnswer } from '../data-path/sockets.ts';
import { type AgentAnswer, throughBaseUrl, throughProxy } from '../harness/agent-http.ts';
import { type DevStack, startDevStack } from '../harness/dev-stack.ts';
import { addAgent, asAgent, type Gateway, rotateAgentToken, startGateway } from '../harness/gateway.ts';
import { addCredential, eventually } from '../harness/lending.ts';
import { startVendor, type Vendor } from '../harness/vendor.ts';

const value = 'sk-gateway-0123456789/abc+def=';
let stack: DevStack;
let vendor: Vendor;
let gateway: Gateway;
let alice: string;
let bob: string;

beforeAll(async () => {
  vendor = await startVendor({
    onHead: (incoming, response) => {
      incoming.resume();
      if (!incoming.url?.includes('stream')) return response.end('ok');
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: first\n\n');
    },
  });
  stack = await startDevStack();
  await addCredential(stack, vendor, { name: 'api', value });
  alice = await addAgent(stack, 'alice');
  bob = await addAgent(stack, 'bob');
  await stack.ok(['grant', 'add', '--agent', 'alice', '--credential', 'api', '--ttl', '5m']);
  gateway = await startGateway(stack, '--metrics-per-agent', '--max-in-flight-per-agent', '4');
});

afterAll(async () => {
  await gateway?.stop();
  await stack?.close();
  await vendor?.close();
});

/** The vendor's URL as a client with http_proxy calls it. */
function call(token: string | undefined, path = '/v1'): Promise<AgentAnswer> {
  return throughProxy(
    gateway.proxyPort,
    vendor.url.replace('https', 'http') + path,
    token === undefined ? {} : { headers: asAgent(token) },
  );
}

/** Opens a stream; `over` resolves once the agent's side of it is closed. */
async function openStream(token: string): Promise<{ readonly over: Promise<void>; close(): void }> {
  const over = Promise.withResolvers<void>();
  const outgoing = await new Promise<ReturnType<typeof request>>((resolve, reject) => {
    const made = request({ host: '127.0.0.1', port: gateway.proxyPort, path: '/api/stream', headers: asAgent(token) }, (response) => {
      response.once('data', () => resolve(made));
      response.on('error', () => undefined);
      response.on('close', () => over.resolve());
      if (response.statusCode !== 200) reject(new Error(`refused with ${response.statusCode}`));
    });
    made.on('error', reject);
    made.end();
  });
  return { over: over.promise, close: () => outgoing.destroy() };
}

describe('INV-1 in the gateway: each agent has its own grants', () => {
  test('the agent with the grant goes through with its first request, the one without is refused, on one connection or on two', async () => {
    vendor.seen.length = 0;
    expect((await call(alice)).status).toBe(200);
    const refused = await call(bob);
    expect([refused.status, refused.code]).toEqual([403, 'no_route']);
    expect(vendor.seen.map(({ headers }) => headers.authorization)).toEqual([`Bearer ${value}`]);
    expect(vendor.seen.flatMap(({ rawHeaders }) => rawHeaders).join()).not.toContain('lha_');
  });

  test('a connection that changes its agent is judged request by request: what one has borrowed is nothing to the other', async () => {
    const peer = await openPeer(gateway.proxyPort);
    const ask = (token: string) =>
      peer.write(`GET /api/v1 HTTP/1.1\r\nHost: 127.0.0.1:${gateway.proxyPort}\r\nProxy-Authorization: Bearer ${token}\r\n\r\n`);
    const statuses: string[] = [];
    for (const token of [alice, bob, alice]) {
      ask(token);
      await peer.until(new RegExp(`(HTTP/1.1 [0-9]{3}[^]*){${statuses.length + 1}}(ok|\\n)$`));
      statuses.push([...peer.received.matchAll(/HTTP\/1\.1 (\d{3})/g)].at(-1)?.[1] ?? '');
    }
    peer.socket.destroy();
    expect(statuses).toEqual(['200', '403', '200']);
  });

  test('suspending one agent cuts its streams, while those of the other go on', async () => {
    await stack.ok(['grant', 'add', '--agent', 'bob', '--credential', 'api', '--ttl', '5m']);
    await eventually(
      () => call(bob),
      ({ status }) => status === 200,
    );
    const mine = await openStream(alice);
    const theirs = await openStream(bob);
    let isCut = false;
    theirs.over.then(() => {
      isCut = true;
    });
    await stack.ok(['agent', 'suspend', 'alice', '--wait']);
    await mine.over;
    expect([(await call(alice)).code, (await call(bob)).status, isCut]).toEqual(['agent_suspended', 200, false]);
    theirs.close();
    await stack.ok(['agent', 'resume', 'alice']);
    await eventually(
      () => call(alice),
      ({ status }) => status === 200,
    );
  });
});

describe('identity', () => {
  test('a request without proof is 407 and is told what to send', async () => {
    vendor.seen.length = 0;
    const answer = await call(undefined);
    expect([answer.status, answer.code, answer.headers['proxy-authenticate']]).toEqual([
      407,
      'identity_missing',
      'Basic realm="leasehold", Bearer',
    ]);
    expect(answer.body).toContain('Proxy-Authorization');
    expect(JSON.parse(answer.body).error).toMatchObject({
      destination: expect.stringMatching(/^https?:\/\/[\w.]+:\d+$/),
      hint: 'leasehold agent add AGENT --token-file FILE',
    });
    expect((await throughBaseUrl(gateway.proxyPort, '/api/v1')).code).toBe('identity_missing');
    expect(vendor.seen).toEqual([]);
  });

  test('a token in Authorization is no proof: that header is the agent’s own business with the vendor', async () => {
    const answer = await throughBaseUrl(gateway.proxyPort, '/api/v1', { headers: { authorization: `Bearer ${alice}` } });
    expect(answer.code).toBe('identity_missing');
  });

  test('unknown, malformed and rotated tokens get the same answer', async () => {
    const carol = await addAgent(stack, 'carol');
    expect((await call(carol)).status).toBe(403);
    await rotateAgentToken(stack, 'carol');
    // Its streams are cut at once; what the old token opened is let go with the next try to open a session.
    await eventually(
      () => gateway.log(),
      (log) => log.includes('"why":"refused","msg":"agent let go"'),
    );
    const unknown = `lha_${'A'.repeat(43)}`;
    const answers = await Promise.all(
      [unknown, 'nonsense', '', carol].map(async (token) => {
        const { status, body, headers } = await call(token);
        return [status, headers['proxy-authenticate'], body.replace(/"request_id":"[^"]+"/, '')];
      }),
    );
    expect(answers[0]?.[0]).toBe(407);
    expect(answers).toEqual(Array(4).fill(answers[0]));
  });

  test('two proofs in one request are refused: nobody should have to guess which one counts', async () => {
    const twice = await openPeer(gateway.proxyPort);
    const header = `Proxy-Authorization: Bearer ${alice}\r\n`;
    twice.write(`GET /api/v1 HTTP/1.1\r\nHost: 127.0.0.1:${gateway.proxyPort}\r\nConnection: close\r\n${header}${header}\r\n`);
    expect(parseAnswer((await twice.closed()).received).status).toBe(400);
  });

  test('after a rotation what the old token borrowed is gone, and the new token goes on where the old one stopped', async () => {
    await stack.ok(['grant', 'add', '--agent', 'carol', '--credential', 'api']);
    const first = await rotateAgentToken(stack, 'carol');
    await eventually(
      () => call(first),
      ({ status }) => status === 200,
    );
    const stream = await openStream(first);
    const second = await rotateAgentToken(stack, 'carol');
    await stream.over;
    expect((await call(second)).status).toBe(200);
    expect((await call(first)).code).toBe('identity_invalid');
  });
});

describe('THREATS 34: one agent of many can not take it all', () => {
  test('an agent at its limit is refused, its neighbour gets through', async () => {
    const streams = await Promise.all([1, 2, 3, 4].map(() => openStream(alice)));
    const refused = await call(alice);
    expect([refused.status, refused.code]).toEqual([503, 'overloaded']);
    expect((await call(bob)).status).toBe(200);
    for (const stream of streams) stream.close();
    await eventually(
      () => call(alice),
      ({ status }) => status === 200,
    );
  });

  test('a flood of wrong tokens stops at the gateway, and those who are known do not feel it', async () => {
    expect((await call(bob)).status).toBe(200);
    const opensBefore = await opened();
    const answers = await Promise.all(
      Array.from({ length: 400 }, (_, index) => call(`lha_${String(index).padStart(43, '0')}`).then(({ code }) => code)),
    );
    expect(new Set(answers)).toEqual(new Set(['identity_invalid', 'overloaded']));
    expect((await opened()) - opensBefore).toBeLessThanOrEqual(130);
    expect((await call(bob)).status).toBe(200);
  });
});

/** How many proofs the broker was asked for. */
async function opened(): Promise<number> {
  return [...(await stack.log()).matchAll(/SessionService\/Open/g)].length;
}

describe('what it shows of itself', () => {
  test('its metrics count agents, and requests of each by name where that was asked for', async () => {
    const text = await (await fetch(`${gateway.metricsUrl}/metrics`)).text();
    expect(text).toMatch(/leasehold_sidecar_agents [234]/);
    expect(text).toMatch(/leasehold_sidecar_agent_requests_total\{tenant="dev",agent="bob",outcome="forwarded"\} [1-9]/);
    expect((await fetch(`${gateway.metricsUrl}/readyz`)).status).toBe(200);
  });

  test('INV-15: no token and no value is in its log at trace level, in its metrics or in the broker’s', async () => {
    const texts = [await gateway.log(), await stack.log(), await (await fetch(`${gateway.metricsUrl}/metrics`)).text()];
    for (const text of texts) {
      expect(text).not.toContain(value);
      for (const token of [alice, bob]) {
        expect(text).not.toContain(token);
        expect(text).not.toContain(Buffer.from(`agent:${token}`).toString('base64'));
      }
    }
    expect(texts[0]).toContain('agentId');
  });
});
