// What broker-store-kill.test.ts kills: commits as fast as it can, and prints each thing once it is acknowledged.
import { writeSync } from 'node:fs';
import { createSqliteStore } from '../../packages/broker/src/adapters/sql/sqlite-store.ts';
import type { NewAuditEvent } from '../../packages/broker/src/domain/audit-event.ts';
import type { Change, NewRevocation } from '../../packages/broker/src/ports/store.ts';
import { auditMac, tenantIds } from './store-facts.ts';

const [, , path = '', round = ''] = process.argv;
const store = createSqliteStore({ path, epoch: `epoch-${round}`, now: Date.now, auditMac });

const said = (action: NewAuditEvent['action'], ids: Partial<NewAuditEvent>): NewAuditEvent => ({
  actor: { kind: 'system', id: 'writer' },
  action,
  outcome: 'allowed',
  ...ids,
});
// Straight to the descriptor: a line that was acknowledged is out of this process before the next step.
const acknowledge = (...words: readonly (string | number)[]) => writeSync(1, `${words.join(' ')}\n`);

async function commit(tenantId: string, changes: readonly Change[], revocations: readonly NewRevocation[], audit: NewAuditEvent) {
  const { head } = await store.ledger.commit({ tenant: { id: tenantId }, lock: 'update' }, () => ({
    changes,
    revocations,
    audit: [audit],
    result: undefined,
  }));
  return head?.seq ?? 0;
}

async function makeTenant(id: string): Promise<void> {
  if ((await store.directory.find({ tenant: { id } })).tenant !== undefined) return;
  await store.ledger.commit({ tenant: undefined, lock: 'update' }, () => ({
    changes: [
      { put: 'tenant', row: { id, name: id, status: 'active', agentsDiscoverNames: false, cutSeq: 0, createdAt: 1 } },
      {
        put: 'credential',
        row: {
          id: `${id}-key`,
          tenantId: id,
          name: 'key',
          type: 'api_key',
          status: 'active',
          version: 1,
          destinations: [],
          injection: { kind: 'header', name: 'authorization', template: '{value}' },
          placeholder: undefined,
          environment: [],
          service: undefined,
          maxTtlMs: 1,
          cutSeq: 0,
          createdAt: 1,
          updatedAt: 1,
        },
      },
    ],
    revocations: [],
    audit: [said('tenant.created', {})],
    result: undefined,
  }));
}

/** One of many that work side by side: a grant, leases of it, and now and then the revocation of a lease or of the grant. */
async function work(worker: number): Promise<never> {
  const tenantId = tenantIds[worker % tenantIds.length] ?? '';
  const credentialId = `${tenantId}-key`;
  for (let turn = 0; ; turn += 1) {
    const name = `${round}-${worker}-${turn}`;
    const [agentId, grantId] = [`agent-${name}`, `grant-${name}`];
    const tokenHash = new TextEncoder().encode(name);
    await commit(
      tenantId,
      [
        {
          put: 'agent',
          row: { id: agentId, tenantId, name: agentId, status: 'active', tokenHash, tokenVersion: 1, cutSeq: 0, createdAt: 1 },
        },
        {
          put: 'grant',
          row: {
            id: grantId,
            tenantId,
            agentId,
            credentialId,
            status: 'active',
            ttlMs: 1,
            notAfter: undefined,
            limits: { methods: [], pathPrefixes: [], ratePerMinute: undefined },
            cutSeq: 0,
            createdAt: 1,
          },
        },
      ],
      [],
      said('grant.created', { agentId, grantId }),
    );
    acknowledge('grant', tenantId, grantId);
    for (let each = 0; each < 8; each += 1) {
      const leaseId = `lease-${name}-${each}`;
      const row = { id: leaseId, tenantId, agentId, credentialId, grantId, version: 1, issuedAtSeq: 0, issuedAt: Date.now() };
      await commit(
        tenantId,
        [{ put: 'lease', row: { ...row, expiresAt: row.issuedAt + 60_000, renewals: 0, ended: undefined } }],
        [],
        said('lease.issued', { leaseId }),
      );
      acknowledge('lease', tenantId, leaseId);
    }
    const ended = `lease-${name}-0`;
    const cut = turn % 2 === 0 ? ({ scope: 'lease', ids: [ended] } as const) : ({ scope: 'grant', ids: [grantId] } as const);
    const seq = await commit(tenantId, [], [{ ...cut, reason: 'revoked' }], said('lease.revoked', { grantId }));
    acknowledge('revocation', tenantId, cut.ids[0], seq);
  }
}

for (const id of tenantIds) await makeTenant(id);
await Promise.all(Array.from({ length: 48 }, (_, worker) => work(worker)));
