import { AppError } from '@leasehold/core';
import type { WrappedDek } from '../../domain/dek.ts';
import type { KeyStore } from '../../ports/store.ts';
import { toDek } from './entity-rows.ts';
import { type Query, type RunQuery, statement } from './query.ts';
import { bytes } from './rows.ts';

/** Each statement that writes here is a transaction of its own. */
export function createKeyStore(run: RunQuery): KeyStore {
  return {
    deksOf: (tenantId) => run(readDeks(tenantId)),
    dek: (id) => run(readDek(id)),
    addDek: (dek) => run(insertDek(dek)),
    brokerKey: async (name, wrappedIfMissing) =>
      (await run(readBrokerKey(name))) ?? (await run(insertBrokerKey(name, await wrappedIfMissing()))),
  };
}

function* readDeks(tenantId: string): Query<readonly WrappedDek[]> {
  const rows = yield statement('SELECT * FROM deks WHERE tenant_id = ? ORDER BY generation DESC', tenantId);
  return rows.map(toDek);
}

function* readDek(id: string): Query<WrappedDek | undefined> {
  const [row] = yield statement('SELECT * FROM deks WHERE id = ?', id);
  return row && toDek(row);
}

function* insertDek(dek: WrappedDek): Query<void> {
  const added = yield statement(
    `INSERT INTO deks (id, tenant_id, generation, kek_id, wrapped, encryptions, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT DO NOTHING RETURNING id`,
    dek.id,
    dek.tenantId,
    dek.generation,
    dek.kekId,
    dek.wrapped,
    dek.encryptions,
    dek.createdAt,
  );
  if (added.length === 0) throw new AppError('conflict', 'Another broker made this generation of the data key already. Read it again.');
}

function* readBrokerKey(name: string): Query<Uint8Array | undefined> {
  const [row] = yield statement('SELECT wrapped FROM broker_keys WHERE name = ?', name);
  return row && bytes(row, 'wrapped');
}

/** Set once: who comes second gets what the first one stored. */
function* insertBrokerKey(name: string, wrapped: Uint8Array): Query<Uint8Array> {
  yield statement('INSERT INTO broker_keys (name, wrapped) VALUES (?, ?) ON CONFLICT DO NOTHING', name, wrapped);
  const stored = yield* readBrokerKey(name);
  if (stored === undefined)
    throw new AppError('store_unavailable', 'The database did not keep a key that was just stored. Check the disk.');
  return stored;
}
