import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ChainedRow, canonicalRow, chainHash, genesisHash } from './audit-chain.ts';

const sha256 = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest();

const row: ChainedRow = {
  tenantId: 'ten_1',
  seq: 1,
  at: 1_700_000_000_000,
  event: {
    actor: { kind: 'agent', id: 'agt_1' },
    action: 'lease.issued',
    outcome: 'allowed',
    agentId: 'agt_1',
    leaseId: 'lse_1',
    detail: { version: 2, ttl_ms: 60_000 },
  },
};

describe('the canonical form of an audit row', () => {
  test('is fixed: what was hashed by an earlier version must verify for ever', () => {
    expect(canonicalRow(row)).toBe(
      '["ten_1",1,1700000000000,["agent","agt_1","lease.issued","allowed",null,"agt_1",null,null,"lse_1",[["ttl_ms",60000],["version",2]]]]',
    );
  });

  test('does not hang on the order of the details, nor on how they went through JSON', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.integer())), (detail) => {
        const turned = Object.fromEntries(Object.entries(detail).toReversed());
        const stored: ChainedRow = JSON.parse(JSON.stringify({ ...row, event: { ...row.event, detail: turned } }));
        expect(canonicalRow(stored)).toBe(canonicalRow({ ...row, event: { ...row.event, detail } }));
      }),
    );
  });

  test('tells any two rows apart that differ in one field', () => {
    const { event } = row;
    const changed: readonly ChainedRow[] = [
      row,
      { ...row, tenantId: 'ten_2' },
      { ...row, seq: 2 },
      { ...row, at: row.at + 1 },
      ...[
        { actor: { kind: 'operator', id: 'agt_1' } } as const,
        { actor: { kind: 'agent', id: 'agt_2' } } as const,
        { action: 'lease.renewed' } as const,
        { outcome: 'denied' } as const,
        { reason: 'no_grant' },
        { reason: '' },
        { agentId: 'agt_2' },
        // The same id in another place is another story.
        { credentialId: 'lse_1' },
        { grantId: 'lse_1' },
        { leaseId: 'lse_2' },
        { detail: {} },
        { detail: { version: '2', ttl_ms: 60_000 } },
        { detail: { version: 2, ttl_ms: 60_000, more: 0 } },
      ].map((part) => ({ ...row, event: { ...event, ...part } })),
    ];
    expect(new Set(changed.map(canonicalRow)).size).toBe(changed.length);
  });
});

test('INV-13: the hash of a row hangs on the row and on the hash before it', () => {
  const first = chainHash(sha256, genesisHash, row);
  expect(Buffer.from(first).toString('hex')).toBe(createHash('sha256').update(Buffer.alloc(32)).update(canonicalRow(row)).digest('hex'));
  expect(chainHash(sha256, first, row)).not.toEqual(first);
  expect(chainHash(sha256, genesisHash, { ...row, seq: 2 })).not.toEqual(first);
});
