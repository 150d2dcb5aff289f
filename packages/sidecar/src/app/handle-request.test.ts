import { setImmediate as nextTurn } from 'node:timers/promises';
import { AppError, type GrantLimits, type Instant, parseDestination, type RequestLimits, type Route, Secret } from '@leasehold/core';
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import type { LeaseEntry } from '../domain/lease-entry.ts';
import type { AgentReply, AgentRequest, ExchangeControl } from '../ports/agent-exchange.ts';
import type { InFlight } from '../ports/leases.ts';
import type { OutgoingRequest, UpstreamEvents } from '../ports/upstream.ts';
import type { Use } from '../ports/use-log.ts';
import { createCompiledRoutes } from './compiled-routes.ts';
import { createHandleRequest } from './handle-request.ts';

const value = 'sk-canary-0123456789';
const revoked = new AppError('lease_revoked', 'The lease behind this request was revoked.');

/** All that is around one request, each side doing what the test says, and writing down what it was told. */
function createRig() {
  const uses: Use[] = [];
  const results: string[] = [];
  const held = new Set<InFlight>();
  const sent: { readonly request: OutgoingRequest; readonly on: UpstreamEvents; readonly aborts: AppError[] }[] = [];
  const told: string[] = [];
  const borrowing: (PromiseWithResolvers<LeaseEntry> & { readonly insteadOf: LeaseEntry | undefined })[] = [];
  const now: { monoMs: number; wallMs: number } = { monoMs: 1_000, wallMs: 1_000 };
  const rig = {
    uses,
    results,
    held,
    sent,
    told,
    borrowing,
    now,
    isInHand: true,
    entry: entryWithin({}),
    /** What the cache says of the lease by now. */
    refusedBy: undefined as AppError | undefined,
    routes: undefined as readonly Route[] | undefined,
    isFull: false,
    isReplyStarted: false,
    ask(changes: Partial<AgentRequest> = {}): ExchangeControl {
      rig.isReplyStarted = false;
      const target = { way: 'base-url', credentialName: 'api', method: 'GET', path: '/x' } as const;
      return handle(
        { protocol: 'http/1.1', target, path: '/x?q=1', rawHeaders: [], body: undefined, contentLength: undefined, ...changes },
        reply,
      );
    },
  };
  const reply: AgentReply = {
    get isStarted() {
      return rig.isReplyStarted;
    },
    wantBody: () => told.push('wanted'),
    inform: (status) => told.push(`informed ${status}`),
    start: (status) => {
      rig.isReplyStarted = true;
      told.push(`started ${status}`);
    },
    write: (chunk) => {
      told.push(`wrote ${chunk.toString('latin1')}`);
      return !rig.isFull;
    },
    end: () => told.push('ended'),
    refuse: (error) => {
      rig.isReplyStarted = true;
      told.push(`refused ${error.code}`);
      return 418;
    },
    cut: () => told.push('cut'),
  };
  const handle = createHandleRequest({
    leases: {
      inHand: () => (rig.isInHand ? rig.entry : undefined),
      borrow: (_, insteadOf) => {
        const borrowed = Promise.withResolvers<LeaseEntry>();
        borrowing.push({ ...borrowed, insteadOf });
        return borrowed.promise;
      },
      refusal: () => rig.refusedBy,
      hold: (_, inFlight) => {
        held.add(inFlight);
        return () => held.delete(inFlight);
      },
    },
    tableOf: createCompiledRoutes({ current: () => rig.routes ?? [routeWith()] }),
    upstream: {
      send: (request, on) => {
        const aborts: AppError[] = [];
        sent.push({ request, on, aborts });
        return { abort: (why) => aborts.push(why), pause: () => told.push('paused'), resume: () => told.push('resumed') };
      },
      close: async () => undefined,
    },
    useLog: { record: (use) => uses.push(use) },
    clock: { now: (): Instant => ({ ...now }) },
    metrics: { exchanged: (result) => results.push(result), upstreamTook: () => undefined },
  });
  return rig;
}

const ids = { leaseId: 'lse_1', credentialId: 'crd_1', grantId: 'grt_1', epoch: 'e', issuedAtSeq: 1, version: 1 };
const unlimited: GrantLimits = { methods: [], pathPrefixes: [], ratePerMinute: undefined };
const entryWithin = (limits: Partial<RequestLimits>): LeaseEntry => ({
  ...ids,
  secret: new Secret(Buffer.from(value)),
  limits: { ...unlimited, ...limits },
  lentAt: { monoMs: 0, wallMs: 0 },
  requestedAt: { monoMs: 0, wallMs: 0 },
  ttlMs: 60_000,
});

function routeWith(changes: Partial<Route> = {}): Route {
  return {
    credentialId: 'crd_1',
    credentialName: 'api',
    grantId: 'grt_1',
    version: 1,
    status: 'active',
    destinations: [parseDestination('https://api.example')],
    injection: { kind: 'header', name: 'authorization', template: 'Bearer {value}' },
    placeholder: undefined,
    environment: [],
    service: undefined,
    limits: unlimited,
    ...changes,
  };
}

let rig: ReturnType<typeof createRig>;

beforeEach(() => {
  rig = createRig();
});

describe('with a lease in hand', () => {
  test('the request goes out in the same turn, with the secret, to its destination', () => {
    rig.ask({ rawHeaders: ['Accept', '*/*', 'authorization', 'mine'] });
    const { request } = rig.sent[0] ?? {};
    expect(request).toMatchObject({
      credentialId: 'crd_1',
      version: 1,
      host: 'api.example',
      method: 'GET',
      path: '/x?q=1',
      body: undefined,
    });
    expect(request?.headers).toEqual([
      'host',
      'api.example',
      'accept-encoding',
      'identity',
      'Accept',
      '*/*',
      'authorization',
      `Bearer ${value}`,
    ]);
  });

  test('it is held before it is sent, so that no revocation falls in between', () => {
    let heldWhenSent = -1;
    const { push } = rig.sent;
    rig.sent.push = (...each) => {
      heldWhenSent = rig.held.size;
      return push.apply(rig.sent, each);
    };
    rig.ask();
    expect(heldWhenSent).toBe(1);
  });

  test('the record names lease, authority and path, never the query', () => {
    rig.ask();
    rig.sent[0]?.on.left();
    rig.sent[0]?.on.head(200, [], false);
    rig.sent[0]?.on.end([]);
    expect(rig.uses).toEqual([
      {
        credentialId: 'crd_1',
        leaseId: 'lse_1',
        method: 'GET',
        authority: 'https://api.example:443',
        path: '/x',
        outcome: 'forwarded',
        httpStatus: 200,
      },
    ]);
  });

  test('a path segment that carries a credential is in no record, whosever it is', () => {
    rig.routes = [routeWith({ injection: { kind: 'path', template: 'bot{value}' } })];
    const target = { way: 'base-url', credentialName: 'api', method: 'GET', path: '/bot1:mine/send' } as const;
    rig.ask({ target, path: '/bot1:mine/send?x=1' }).abandoned();
    expect(rig.sent[0]?.request.path).toBe(`/bot${value}/send?x=1`);
    expect(rig.uses).toMatchObject([{ path: '/send' }]);
  });

  test('an agent that is full holds the upstream back, until there is room', () => {
    const control = rig.ask();
    rig.isFull = true;
    rig.sent[0]?.on.head(200, [], false);
    rig.sent[0]?.on.data(Buffer.from('x'));
    control.drained();
    expect(rig.told).toEqual(['started 200', 'wrote x', 'paused', 'resumed']);
  });
});

describe('without one', () => {
  beforeEach(() => {
    rig.isInHand = false;
  });

  test('nothing goes out before it is borrowed, and then it does', async () => {
    rig.ask();
    expect(rig.sent).toHaveLength(0);
    rig.borrowing[0]?.resolve(rig.entry);
    await turn();
    expect(rig.sent).toHaveLength(1);
  });

  test('one that is gone again by the time of its use, its value wiped, is not looked into', async () => {
    rig.refusedBy = new AppError('lease_ended', 'The lease has ended.');
    rig.ask();
    const secret = new Secret(Buffer.from(value));
    secret.wipe();
    rig.borrowing[0]?.resolve({ ...rig.entry, secret });
    await turn();
    expect([rig.sent.length, rig.told]).toEqual([0, ['refused lease_ended']]);
  });

  test('a broker that says no is quoted, and nothing goes out', async () => {
    rig.ask();
    rig.borrowing[0]?.reject(new AppError('grant_expired', 'The grant has run out.'));
    await turn();
    expect([rig.sent.length, rig.told, rig.uses.map(({ outcome }) => outcome)]).toEqual([0, ['refused grant_expired'], ['grant_expired']]);
  });

  test('an agent that leaves meanwhile is recorded once, and nothing goes out', async () => {
    const control = rig.ask();
    control.abandoned();
    control.abandoned();
    rig.borrowing[0]?.resolve(rig.entry);
    await turn();
    expect([rig.sent.length, rig.told, rig.uses.map(({ httpStatus }) => httpStatus)]).toEqual([0, [], [499]]);
  });

  test('an agent that leaves after a refusal adds no record', async () => {
    const control = rig.ask();
    rig.borrowing[0]?.reject(revoked);
    await turn();
    control.abandoned();
    expect(rig.uses).toHaveLength(1);
  });
});

describe('refused before anything is sent, and recorded once', () => {
  test.each([
    ['no_grant', []],
    ['credential_suspended', [routeWith({ status: 'credential_suspended' })]],
    ['method_not_allowed', [routeWith({ limits: { ...unlimited, methods: ['POST'] } })]],
  ] as const)('%s', (code, routes) => {
    rig.routes = routes;
    rig.ask();
    expect([rig.sent.length, rig.borrowing.length, rig.told, rig.results]).toEqual([0, 0, [`refused ${code}`], [code]]);
    expect(rig.uses).toMatchObject([{ outcome: code, httpStatus: 418 }]);
  });

  test('an Expect that nobody knows', () => {
    rig.ask({ rawHeaders: ['expect', 'wonders'] });
    expect([rig.sent.length, rig.held.size, rig.told, rig.uses.length]).toEqual([0, 0, ['refused bad_request'], 1]);
  });

  test('more requests a minute than the grant allows, until time has gone by', () => {
    rig.routes = [routeWith({ limits: { ...unlimited, ratePerMinute: 2 } })];
    for (let round = 0; round < 3; round += 1) rig.ask();
    expect([rig.sent.length, rig.told]).toEqual([2, ['refused rate_limited']]);
    rig.now.monoMs += 30_000;
    rig.ask();
    expect(rig.sent).toHaveLength(3);
    // A wall clock that is stepped gives nothing.
    rig.now.wallMs += 600_000;
    rig.ask();
    expect([rig.sent.length, rig.uses.filter(({ outcome }) => outcome === 'rate_limited').length]).toEqual([3, 2]);
  });
});

type Step = (on: UpstreamEvents, control: ExchangeControl, held: InFlight | undefined) => void;

/** Everything that may happen to an exchange once it is sent. What follows `end` or `failed` never comes from a real upstream: it must do no harm either. */
const steps: Readonly<Record<string, Step>> = {
  left: (on) => on.left(),
  informed: (on) => on.informed(103, []),
  head: (on) => on.head(200, [], false),
  data: (on) => on.data(Buffer.from('some of the body')),
  half: (on) => on.data(Buffer.from(value.slice(0, 10))),
  end: (on) => on.end([]),
  failed: (on) => on.failed(new AppError('upstream_unreachable', 'It closed the connection.')),
  cut: (_, __, held) => held?.cut(revoked),
  drained: (_, control) => control.drained(),
  stalled: (_, control) => control.stalled('agent'),
  abandoned: (_, control) => control.abandoned(),
};
const endings = ['end', 'failed', 'cut', 'stalled', 'abandoned'];

test('whatever happens in whatever order: one record, one count, nothing held, and nothing said to the agent after the end', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...Object.keys(steps)), { maxLength: 12 }), (names) => {
      const once = createRig();
      const control = once.ask();
      const [inFlight] = once.held;
      const [outgoing] = once.sent;
      if (outgoing === undefined || inFlight === undefined) throw new Error('nothing was sent');
      let isStarted = false;
      let ending: { readonly name: string; readonly told: number } | undefined;
      for (const name of names) {
        // An upstream says nothing of a body before its head, and has but one head.
        if (isStarted ? ['head', 'informed'].includes(name) : ['data', 'half', 'end'].includes(name)) continue;
        isStarted ||= name === 'head';
        steps[name]?.(outgoing.on, control, inFlight);
        if (ending === undefined && endings.includes(name)) {
          ending = { name, told: once.told.length };
          // An agent that left is told nothing more; any other ending is told last.
          if (name !== 'abandoned') expect(once.told.at(-1)).toMatch(name === 'end' ? /^ended$/ : isStarted ? /^cut$/ : /^refused /);
        }
        expect([once.uses.length, once.results.length, once.held.size]).toEqual(ending === undefined ? [0, 0, 1] : [1, 1, 0]);
      }
      if (ending === undefined) return;
      expect(once.told.slice(ending.told)).toEqual([]);
      // The vendor's side ends with ours, unless it ended first.
      expect(outgoing.aborts.length).toBe(ending.name === 'end' ? 0 : 1);
    }),
    { numRuns: 500 },
  );
});

describe('a grant that was changed, before the routes are here', () => {
  test('a rate that was raised counts at once, though the lease in hand is from before', () => {
    for (const ratePerMinute of [1, 1_000]) {
      rig.routes = [routeWith({ limits: { ...unlimited, ratePerMinute } })];
      rig.ask();
      rig.now.monoMs += 100;
    }
    expect([rig.sent.length, rig.told]).toEqual([2, []]);
  });

  test.each([
    ['method_not_allowed', { methods: ['POST'] }],
    ['path_not_allowed', { pathPrefixes: ['/other'] }],
  ] as const)('narrowed: what the lease does not allow is %s, though the routes do', async (code, limits) => {
    rig.isInHand = false;
    rig.ask();
    rig.borrowing[0]?.resolve(entryWithin(limits));
    await turn();
    expect([rig.sent.length, rig.told]).toEqual([0, [`refused ${code}`]]);
    expect(rig.uses).toMatchObject([{ outcome: code }]);
  });

  test('a lease in hand that is narrower than the routes is not what counts: another is borrowed instead', async () => {
    rig.entry = entryWithin({ methods: ['POST'] });
    rig.ask();
    expect([rig.sent.length, rig.borrowing[0]?.insteadOf]).toEqual([0, rig.entry]);
    rig.borrowing[0]?.resolve(entryWithin({ methods: ['GET', 'POST'] }));
    await turn();
    expect(rig.sent).toHaveLength(1);
  });
});

async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

test('an agent that leaves while it waits for a lease that is then denied leaves one record, and is told nothing', async () => {
  rig.isInHand = false;
  const control = rig.ask();
  control.abandoned();
  rig.borrowing[0]?.reject(new AppError('no_grant', 'No.'));
  await nextTurn();
  expect([rig.told, rig.results]).toEqual([[], ['bad_request']]);
  expect(rig.uses.map(({ outcome, httpStatus }) => [outcome, httpStatus])).toEqual([['bad_request', 499]]);
});

test('INV-15: a body in which the value was put is wiped once its exchange is over', async () => {
  const placeholder = 'placeholder-0123456789abcdef';
  rig.routes = [
    routeWith({
      destinations: [{ ...parseDestination('https://api.example'), body: 'json' }],
      injection: { kind: 'placeholder', in: ['header', 'body'] },
      placeholder,
    }),
  ];
  const text = JSON.stringify({ key: placeholder });
  const body = (async function* () {
    yield Buffer.from(text);
  })();
  rig.ask({ rawHeaders: ['content-type', 'application/json'], body, contentLength: String(text.length) });
  await nextTurn();
  await nextTurn();
  const { request, on } = rig.sent[0] ?? {};
  const chunks: Uint8Array[] = [];
  for await (const chunk of request?.body ?? []) chunks.push(chunk);
  expect(Buffer.concat(chunks).toString()).toContain(value);
  on?.left();
  on?.head(200, [], true);
  on?.end([]);
  expect(chunks.flatMap((chunk) => [...chunk]).every((byte) => byte === 0)).toBe(true);
});
