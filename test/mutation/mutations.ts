/** One way to break the product: `find` must be there exactly once, and one of `tests` must fail when it reads `replace`. */
export interface Mutation {
  readonly name: string;
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  /** The narrowest that must notice. */
  readonly tests: readonly string[];
}

const broker = 'packages/broker/src';
const sidecar = 'packages/sidecar/src';
const model = 'test/model/promise.test.ts';

/** Each breaks one link of the chain from the commit of a revocation to the wire (INV-2 to INV-7), or the judgement of a tunnel (INV-2, INV-8). */
export const mutations: readonly Mutation[] = [
  {
    name: 'a late answer is kept though a revocation overtook it (no tombstone)',
    file: `${sidecar}/domain/tombstones.ts`,
    find: "return buried.some((stone) => stone.covers(answer)) ? 'revoked_meanwhile' : undefined;",
    replace: 'return undefined;',
    tests: [`${sidecar}/domain/tombstones.test.ts`, model],
  },
  {
    name: 'a lease is over after its last millisecond, not at it (> for >=)',
    file: `${sidecar}/domain/lease-liveness.ts`,
    find: 'elapsedMs(entry.requestedAt, now) >= entry.ttlMs',
    replace: 'elapsedMs(entry.requestedAt, now) > entry.ttlMs',
    tests: [`${sidecar}/domain/lease-liveness.test.ts`],
  },
  {
    name: 'what counts of a narrowed grant is what the routes say, not the lease',
    file: `${sidecar}/app/handle-request.ts`,
    find: 'const refused = outside(request, matched, entry);',
    replace: 'const refused = undefined as Refused | undefined;',
    tests: [`${sidecar}/app/handle-request.test.ts`],
  },
  {
    name: 'a commit wakes nobody up',
    file: `${broker}/app/reach.ts`,
    find: '  signal.notify();\n',
    replace: '  void signal;\n',
    tests: ['test/e2e/push.test.ts'],
  },
  {
    name: 'the kill switch of everything wakes nobody up',
    file: `${broker}/app/kill-switch.ts`,
    find: '      deps.signal.notify();\n',
    replace: '',
    tests: ['test/e2e/push.test.ts'],
  },
  {
    name: 'the streams of a deleted agent are ended before they hear of it',
    file: `${broker}/app/watch/route-refresh.ts`,
    find: 'if (!subscriber.dismiss(how)) return;',
    replace: 'subscriber.end(how);',
    tests: ['test/e2e/push.test.ts'],
  },
  {
    name: 'a confirmation is believed when the event was sent, not when it was applied',
    file: `${broker}/app/watch/confirmations.ts`,
    find: 'return sentSeq !== undefined && appliedSeq >= seq;',
    replace: 'return sentSeq !== undefined && sentSeq >= seq;',
    tests: [`${broker}/app/watch/confirmations.test.ts`],
  },
  {
    name: 'a renewal says under which head its lease was issued, and looks late after any revocation since',
    file: `${broker}/app/renew-lease.ts`,
    find: 'issuedAtSeq: head.seq }',
    replace: 'issuedAtSeq: result.lease.issuedAtSeq }',
    tests: ['test/model/upkeep.test.ts'],
  },
  {
    name: 'a sidecar that confirmed what came before is taken for one that confirmed this',
    file: `${broker}/app/watch/confirmations.ts`,
    find: 'if (head === undefined || !hasApplied(subscriber, head.seq)) return;',
    replace: 'if (head === undefined) return;',
    tests: [`${broker}/app/watch/confirmations.test.ts`],
  },
  {
    name: 'what an agent left while it waited for a stream goes out later, with the value',
    file: `${sidecar}/adapters/upstream/h2-exchange.ts`,
    find: 'if (this.#stream === undefined) this.#pool.leave(this);\n    else this.#cancel.abort();',
    replace: 'this.#cancel.abort();',
    tests: [`${sidecar}/adapters/upstream/left-early.test.ts`],
  },
  {
    name: 'a broker that was started again says that all sidecars have confirmed, before it knows any',
    file: `${broker}/app/watch/forebears.ts`,
    find: 'return tenants === 0 ? 0 : before === 0 ? maxStalenessMs : before;',
    replace: 'return Math.min(0, tenants);',
    tests: ['test/e2e/restarted-broker.test.ts'],
  },
  {
    name: 'who revokes waits in line with agents',
    file: `${broker}/adapters/sql/sqlite-ledger.ts`,
    find: "  if (lock === 'update') return 'first';\n",
    replace: '  void lock;\n',
    tests: [`${broker}/adapters/sql/sqlite-ledger.test.ts`],
  },
  {
    name: 'agents may fill the disk, and nobody can revoke then',
    file: `${broker}/adapters/sql/sqlite-ledger.ts`,
    find: "if (place !== 'first' && !hasRoom())",
    replace: 'if (false)',
    tests: [`${broker}/adapters/sql/sqlite-ledger.test.ts`],
  },
  {
    name: 'a lease that was replaced keeps its secret when nobody needs it any more',
    file: `${sidecar}/app/lease-cache.ts`,
    find: '    lease.entry.secret.wipe();\n',
    replace: '',
    tests: [`${sidecar}/app/lease-cache.test.ts`],
  },
  {
    name: 'out of step, a lease that was replaced keeps its secret',
    file: `${sidecar}/app/lease-cache.ts`,
    find: '      for (const { entry } of tracked) entry.secret.wipe();\n',
    replace: '',
    tests: [`${sidecar}/app/lease-cache.test.ts`],
  },
  {
    name: 'a revocation is confirmed before the purge',
    file: `${sidecar}/app/follow-stream.ts`,
    find: "if (step.kind === 'moved') holdings.purge(event);",
    replace: "if (step.kind === 'moved') {\n          stream.applied(event.seq);\n          holdings.purge(event);\n        }",
    tests: [`${sidecar}/app/revocation-follower.test.ts`, model],
  },
  {
    name: 'events are read from whatever log is there now, under the epoch of another',
    file: `${broker}/adapters/sql/log-query.ts`,
    find: '  if (after.epoch !== epoch) return [];\n',
    replace: '',
    tests: [`${broker}/adapters/sql/sqlite-store.test.ts`],
  },
  {
    name: 'a sidecar of another epoch is not reset',
    file: `${broker}/app/watch/decide-start.ts`,
    find: "if (start.epoch !== head.epoch) return { kind: 'reset', why: 'epoch changed' };",
    replace: '',
    tests: [`${broker}/app/watch-revocations.test.ts`, model],
  },
  {
    name: 'a sidecar that is ahead of the log is not reset',
    file: `${broker}/app/watch/decide-start.ts`,
    find: "if (start.seq > head.seq) return { kind: 'reset', why: 'ahead of the log' };",
    replace: '',
    tests: [`${broker}/app/watch-revocations.test.ts`],
  },
  {
    name: 'freshness counts from the arrival of the pong',
    file: `${sidecar}/app/follow-stream.ts`,
    find: 'take(onPong(standing.cursor, id, headSeq));',
    replace: 'if (take(onPong(standing.cursor, id, headSeq))) standing.move({ ...standing.cursor, freshFrom: clock.now() });',
    tests: [`${sidecar}/app/revocation-follower.test.ts`, model],
  },
  {
    name: 'a pong names a head that was read before the ping came in',
    file: `${broker}/app/watch/rounds.ts`,
    find: 'if (head !== undefined) subscriber.serve(head.seq);',
    replace: 'if (head !== undefined) {\n        subscriber.collect();\n        subscriber.serve(head.seq);\n      }',
    tests: [`${broker}/app/watch/rounds.test.ts`],
  },
  {
    name: 'a pong names a head from memory',
    file: `${broker}/app/watch-revocations.ts`,
    find: 'if (subscriber.isOpen) ask(subscriber);',
    replace:
      'const known = rounds.feedOf(caller.tenantId);\n          subscriber.collect();\n          if (known === undefined) ask(subscriber);\n          else subscriber.serve(known.head.seq);',
    tests: [`${broker}/app/watch/rounds.test.ts`, model],
  },
  {
    name: 'the last gate stands before the queue for a connection',
    file: `${sidecar}/adapters/upstream/dispatched-exchange.ts`,
    find: 'const why = this.#abortedBy ?? this.on.refusal();',
    replace: 'const why = this.#abortedBy;',
    tests: ['test/data-path/last-gate.test.ts'],
  },
  {
    name: 'the gate is not asked again at the first byte of a body',
    file: `${sidecar}/adapters/upstream/gated-body.ts`,
    find: 'const why = this.#gate.refusal();',
    replace: 'const why = undefined;',
    tests: ['test/data-path/last-gate.test.ts'],
  },
  {
    name: 'a revocation forgets to cut what is streaming',
    file: `${sidecar}/app/in-flight.ts`,
    find: 'for (const held of byEntry.get(entry) ?? []) cutOne(entry, held, why);',
    replace: 'for (const held of byEntry.get(entry) ?? []) if (isUnsent(held)) cutOne(entry, held, why);',
    tests: [`${sidecar}/app/in-flight.test.ts`, model],
  },
  {
    name: 'a revocation cuts the side of the agent, and leaves the vendor streaming',
    file: `${sidecar}/app/exchange.ts`,
    find: 'this.#outgoing?.abort(why);',
    replace: 'void this.#outgoing;',
    tests: ['test/e2e/revocation.test.ts'],
  },
  {
    name: 'validity is read from the lease alone, not from its parents',
    file: `${broker}/domain/lease-liveness.ts`,
    find: "if (isCut(lease, parents) || parentRefusal(parents, now) !== undefined || lease.version !== parents.credential.version) return 'revoked';",
    replace: '',
    tests: [`${broker}/domain/decide-lease.test.ts`, `${broker}/app/cascade.test.ts`],
  },
  {
    name: 'resuming a parent brings its old leases back (no cut mark)',
    file: `${broker}/domain/lease-liveness.ts`,
    find: 'Math.max(tenant.cutSeq, agent.cutSeq, credential.cutSeq, grant.cutSeq) > issuedAtSeq',
    replace: 'tenant.cutSeq + agent.cutSeq + credential.cutSeq + grant.cutSeq < 0 && issuedAtSeq > 0',
    tests: [`${broker}/app/cascade.test.ts`],
  },
  {
    name: 'out of step the values are kept',
    file: `${sidecar}/app/lease-cache.ts`,
    find: 'hand.clear();',
    replace: '',
    tests: [`${sidecar}/app/lease-cache.test.ts`, model],
  },
  {
    name: 'a purge lets go of the value, and leaves its bytes to the garbage collector',
    file: 'packages/core/src/secret.ts',
    find: '    this.#bytes.fill(0);\n',
    replace: '',
    tests: [`${sidecar}/app/lease-cache.test.ts`],
  },
  {
    name: 'damage in one tenant keeps the kill switch from reaching the others',
    file: `${broker}/adapters/sql/ledger-query.ts`,
    find: 'if (!(thrown instanceof AppError)) throw thrown;',
    replace: 'throw thrown;',
    tests: [`${broker}/adapters/sql/sqlite-ledger.test.ts`],
  },
  {
    name: 'a missing event is passed over',
    file: `${sidecar}/domain/revocation-cursor.ts`,
    find: 'if (seq !== cursor.seq + 1)',
    replace: 'if (seq > cursor.seq + 100)',
    tests: [`${sidecar}/domain/revocation-cursor.test.ts`],
  },
  {
    name: 'the kill switch wears off: no revocation, only a status',
    file: `${broker}/domain/status-change.ts`,
    find: "revocations: [{ scope: subject, ids: [row.id], reason: 'killed' }],",
    replace: 'revocations: [],',
    tests: [`${broker}/app/cascade.test.ts`],
  },
  {
    name: 'the last gate is not asked where a head leaves by HTTP/2',
    file: `${sidecar}/adapters/upstream/h2-connection.ts`,
    find: 'const why = gate?.refusal();',
    replace: 'const why = [gate?.refusal()].slice(1).pop();',
    tests: ['test/data-path/http2-strictness.test.ts'],
  },
  {
    name: 'the last gate is not asked where the handshake of a WebSocket leaves',
    file: `${sidecar}/adapters/upstream/websocket-exchange.ts`,
    find: 'if (why !== undefined) throw why;',
    replace: 'if (why !== undefined && hasLeft) throw why;',
    tests: ['test/data-path/websocket-bytes.test.ts', 'test/data-path/websocket.test.ts'],
  },
  {
    name: 'tunnel: TLS that was made for another name is served as if it were made for this one',
    file: `${sidecar}/adapters/proxy/tls-terminator.ts`,
    find: "if (typeof servername !== 'string' || canonicalHost(servername) === authority.host) return",
    replace: 'if (servername !== null) return',
    tests: ['test/data-path/tls-inside.test.ts'],
  },
  {
    name: 'tunnel: a request inside may name another authority',
    file: `${sidecar}/adapters/proxy/agent-request.ts`,
    find: 'if (settled.host !== said.host || settled.port !== said.port || settled.scheme !== said.scheme)',
    replace: 'if (settled.port !== said.port)',
    tests: ['test/data-path/inbound.test.ts'],
  },
  {
    name: 'tunnel: a host that a route names is passed blind at another port',
    file: `${sidecar}/domain/judge-tunnel.ts`,
    find: "if (candidates.length === 0 && unmatched !== 'refuse') {",
    replace: "if (unmatched !== 'refuse') {",
    tests: [`${sidecar}/domain/judge-tunnel.test.ts`],
  },
];
