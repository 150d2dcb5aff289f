import type { Operator } from '../../domain/operator.ts';
import type { GrantListing, LeaseListing, Listed, Listings, Page } from '../../ports/store.ts';
import { toAgent, toCredential, toGrant, toLease, toOperator, toTenant } from './entity-rows.ts';
import { type Query, type RunQuery, type Statement, type Surroundings, statement } from './query.ts';
import { integer, type Row, text } from './rows.ts';

/** For people: clear statements before fast ones. Every page is bounded by its limit. */
export function createListings(run: RunQuery, surroundings: Surroundings): Listings {
  return {
    tenants: (page) => run(listByName((after, limit) => statement(tenants, after, limit), page, toTenant)),
    operators: (tenantId, page) => run(listOperators(tenantId, page)),
    agents: (tenantId, page) => run(listByName((after, limit) => statement(agents, tenantId, after, limit), page, toAgent)),
    credentials: (tenantId, page) => run(listByName((after, limit) => statement(credentials, tenantId, after, limit), page, toCredential)),
    grants: (tenantId, page) => run(listGrants(tenantId, page)),
    leases: (tenantId, page, live) => run(listLeases(tenantId, page, live, surroundings)),
    counts: () => run(count(surroundings)),
    unexpiredLeases: () => run(countUnexpired(surroundings)),
    tenantCount: () => run(countTenants()),
  };
}

/** In no name and no id, and before all that is. */
const placeMark = '!';

const tenants = 'SELECT * FROM tenants WHERE name > ? ORDER BY name LIMIT ?';
const agents = "SELECT * FROM agents WHERE tenant_id = ? AND status <> 'deleted' AND name > ? ORDER BY name LIMIT ?";
const credentials = "SELECT * FROM credentials WHERE tenant_id = ? AND status <> 'deleted' AND name > ? ORDER BY name LIMIT ?";

function* listByName<T>(rowsAfter: (after: string, limit: number) => Statement, page: Page, convert: (row: Row) => T): Query<Listed<T>> {
  const { rows, next } = paged(yield rowsAfter(page.after ?? '', page.limit + 1), page, (row) => text(row, 'name'));
  return { items: rows.map(convert), next };
}

/** Two may have one name. */
function* listOperators(tenantId: string, page: Page): Query<Listed<Operator>> {
  const found = yield statement(
    `SELECT * FROM (SELECT o.*, o.name || '/' || o.id AS place FROM operators o WHERE o.tenant_id = ?) AS placed
     WHERE place > ? ORDER BY place LIMIT ?`,
    tenantId,
    page.after ?? '',
    page.limit + 1,
  );
  const { rows, next } = paged(found, page, (row) => text(row, 'place'));
  return { items: rows.map(toOperator), next };
}

// From agent to agent by the index of their names, and by grants of each by theirs: a page costs what it shows, however many there are.
const grantsOf = `SELECT g.*, a.name AS agent_name FROM agents a CROSS JOIN grants g CROSS JOIN credentials c
  WHERE a.tenant_id = ? AND a.status <> 'deleted' AND g.agent_id = a.id AND g.status = 'active' AND c.id = g.credential_id AND c.status <> 'deleted'`;

function* listGrants(tenantId: string, page: Page): Query<Listed<GrantListing>> {
  const [agent = '', grant = ''] = page.after?.split(placeMark) ?? [];
  const limit = page.limit + 1;
  const rest = yield statement(`${grantsOf} AND a.name = ? AND g.id > ? ORDER BY g.id LIMIT ?`, tenantId, agent, grant, limit);
  const others = yield statement(`${grantsOf} AND a.name > ? ORDER BY a.name, g.id LIMIT ?`, tenantId, agent, limit - rest.length);
  const { rows, next } = paged([...rest, ...others], page, (row) => `${text(row, 'agent_name')}${placeMark}${text(row, 'id')}`);
  const items: GrantListing[] = [];
  for (const row of rows) items.push(yield* grantListing(row));
  return { items, next };
}

const newestLeases = 'SELECT * FROM leases WHERE tenant_id = ? AND (issued_at, id) < (?, ?) ORDER BY issued_at DESC, id DESC LIMIT ?';
const newestLiveLeases =
  'SELECT * FROM leases WHERE tenant_id = ? AND ended_how IS NULL AND (issued_at, id) < (?, ?) ORDER BY issued_at DESC, id DESC LIMIT ?';

function* listLeases(tenantId: string, page: Page, live: boolean, { now }: Surroundings): Query<Listed<LeaseListing>> {
  const [issuedAt, id] = leasePlace(page.after);
  const found = yield statement(live ? newestLiveLeases : newestLeases, tenantId, issuedAt, id, page.limit + 1);
  const { rows, next } = paged(found, page, (row) => `${integer(row, 'issued_at')}.${text(row, 'id')}`);
  const at = yield* now();
  const items: LeaseListing[] = [];
  for (const lease of rows.map(toLease)) {
    const tenant = toTenant(yield* one('SELECT * FROM tenants WHERE id = ?', lease.tenantId));
    items.push({ now: at, lease, tenant, ...(yield* grantListing(yield* one('SELECT * FROM grants WHERE id = ?', lease.grantId))) });
  }
  return { items, next };
}

/** As `leaseStatus` has it; the suite holds the two together. */
const liveLeases = `SELECT count(*) AS live FROM leases l JOIN tenants t ON t.id = l.tenant_id JOIN agents a ON a.id = l.agent_id
  JOIN credentials c ON c.id = l.credential_id JOIN grants g ON g.id = l.grant_id
  WHERE l.ended_how IS NULL AND l.expires_at > ? AND t.status = 'active' AND a.status = 'active' AND c.status = 'active' AND g.status = 'active'
    AND (g.not_after IS NULL OR g.not_after > ?) AND l.version = c.version
    AND l.issued_at_seq >= t.cut_seq AND l.issued_at_seq >= a.cut_seq AND l.issued_at_seq >= c.cut_seq AND l.issued_at_seq >= g.cut_seq`;

function* countUnexpired({ now }: Surroundings): Query<number> {
  const [row] = yield statement('SELECT count(*) AS unexpired FROM leases WHERE ended_how IS NULL AND expires_at > ?', yield* now());
  return integer(row ?? {}, 'unexpired');
}

function* countTenants(): Query<number> {
  const [row] = yield statement('SELECT count(*) AS tenants FROM tenants');
  return integer(row ?? {}, 'tenants');
}

function* count({ now }: Surroundings): Query<{ readonly tenants: number; readonly liveLeases: number; readonly now: number }> {
  const at = yield* now();
  const [row] = yield statement(liveLeases, at, at);
  return { tenants: yield* countTenants(), liveLeases: integer(row ?? {}, 'live'), now: at };
}

function* grantListing(row: Row): Query<GrantListing> {
  const grant = toGrant(row);
  return {
    grant,
    agent: toAgent(yield* one('SELECT * FROM agents WHERE id = ?', grant.agentId)),
    credential: toCredential(yield* one('SELECT * FROM credentials WHERE id = ?', grant.credentialId)),
  };
}

/** Rows are never taken away while others name them: a missing one is a broken database, and reading its columns says so. */
function* one(sql: string, id: string): Query<Row> {
  const [row] = yield statement(sql, id);
  return row ?? {};
}

function leasePlace(after: string | undefined): readonly [issuedAt: number, id: string] {
  const [, issuedAt, id] = /^(\d{1,15})\.(.*)$/.exec(after ?? '') ?? [];
  return issuedAt === undefined || id === undefined ? [Number.MAX_SAFE_INTEGER, ''] : [Number(issuedAt), id];
}

/** One row more than asked for tells whether there is a next page. */
function paged(rows: readonly Row[], { limit }: Page, place: (row: Row) => string): { rows: readonly Row[]; next: string | undefined } {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return { rows: shown, next: rows.length > limit && last !== undefined ? place(last) : undefined };
}
