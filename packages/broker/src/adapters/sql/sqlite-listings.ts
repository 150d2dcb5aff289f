import type { GrantListing, LeaseListing, Listed, Listings, Page } from '../../ports/store.ts';
import { toAgent, toCredential, toGrant, toLease, toTenant } from './entity-rows.ts';
import { integer, type Row, text } from './rows.ts';
import type { SqliteDatabase, SqlValue } from './sqlite-database.ts';

export function createSqliteListings(database: SqliteDatabase, now: () => number): Listings {
  const one = (sql: string, id: string): Row => database.get(sql, id) ?? {};

  function byName<T>(table: string, where: string, values: readonly SqlValue[], page: Page, convert: (row: Row) => T): Listed<T> {
    const rows = database.all(
      `SELECT * FROM ${table} WHERE ${where} AND name > ? ORDER BY name LIMIT ?`,
      ...values,
      page.after ?? '',
      page.limit + 1,
    );
    return paged(rows, page, (row) => text(row, 'name'), convert);
  }

  function grantListing(row: Row): GrantListing {
    const grant = toGrant(row);
    return {
      grant,
      agent: toAgent(one('SELECT * FROM agents WHERE id = ?', grant.agentId)),
      credential: toCredential(one('SELECT * FROM credentials WHERE id = ?', grant.credentialId)),
    };
  }

  function leaseListing(row: Row): LeaseListing {
    const lease = toLease(row);
    return {
      now: now(),
      lease,
      tenant: toTenant(one('SELECT * FROM tenants WHERE id = ?', lease.tenantId)),
      ...grantListing(one('SELECT * FROM grants WHERE id = ?', lease.grantId)),
    };
  }

  return {
    tenants: async (page) => byName('tenants', '1 = 1', [], page, toTenant),
    agents: async (tenantId, page) => byName('agents', "tenant_id = ? AND status <> 'deleted'", [tenantId], page, toAgent),
    credentials: async (tenantId, page) => byName('credentials', "tenant_id = ? AND status <> 'deleted'", [tenantId], page, toCredential),
    grants: async (tenantId, page) => {
      const rows = database.all(
        `SELECT g.*, a.name || '/' || c.name || '/' || g.id AS place FROM grants g JOIN agents a ON a.id = g.agent_id JOIN credentials c ON c.id = g.credential_id
         WHERE g.tenant_id = ? AND g.status = 'active' AND a.status <> 'deleted' AND c.status <> 'deleted' AND a.name || '/' || c.name || '/' || g.id > ?
         ORDER BY place LIMIT ?`,
        tenantId,
        page.after ?? '',
        page.limit + 1,
      );
      return paged(rows, page, (row) => text(row, 'place'), grantListing);
    },
    leases: async (tenantId, page, live) => {
      const alive = live ? 'AND ended_how IS NULL' : '';
      const [issuedAt = Number.MAX_SAFE_INTEGER, id = ''] = page.after === undefined ? [] : leasePlace(page.after);
      const rows = database.all(
        `SELECT * FROM leases WHERE tenant_id = ? ${alive} AND (issued_at < ? OR (issued_at = ? AND id < ?)) ORDER BY issued_at DESC, id DESC LIMIT ?`,
        tenantId,
        issuedAt,
        issuedAt,
        id,
        page.limit + 1,
      );
      return paged(rows, page, (row) => `${integer(row, 'issued_at')}.${text(row, 'id')}`, leaseListing);
    },
    counts: async () => {
      const at = now();
      const row = database.get('SELECT count(*) AS live FROM leases WHERE ended_how IS NULL AND expires_at > ?', at);
      return { liveLeases: row === undefined ? 0 : integer(row, 'live'), now: at };
    },
  };
}

function leasePlace(after: string): [number, string] {
  const [issuedAt = '', id = ''] = after.split('.');
  return [Number(issuedAt), id];
}

/** One row more than asked for tells whether there is a next page. */
function paged<T>(rows: readonly Row[], page: Page, place: (row: Row) => string, convert: (row: Row) => T): Listed<T> {
  const shown = rows.slice(0, page.limit);
  const last = shown.at(-1);
  return { items: shown.map(convert), next: rows.length > page.limit && last !== undefined ? place(last) : undefined };
}
