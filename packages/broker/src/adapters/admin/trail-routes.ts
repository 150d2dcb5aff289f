import { leaseStatus } from '../../domain/lease-liveness.ts';
import type { AdminUseCases, ConfirmationProgress } from '../../ports/use-cases.ts';
import { toCommitTime, toReceipt, wholeNumber } from './inputs.ts';
import { type App, type Ctx, changed, listed, named, operator, page, tenant } from './request-context.ts';
import * as resources from './resources.ts';
import { stepStream } from './step-stream.ts';

const maxAuditRows = 1_000;

/** What happened: leases, the audit trail, and how sidecars confirm a revocation. */
export function addTrailRoutes(app: App, admin: AdminUseCases, reportFailure: (c: Ctx, thrown: unknown) => void): void {
  const base = '/v1/tenants/:tenant';
  app.get(`${base}/leases`, async (c) => {
    const found = await admin.listLeases(operator(c), tenant(c), page(c), c.req.query('state') !== 'all');
    return c.json(listed(found, (item) => resources.toLeaseResource(item, item.status)));
  });
  app.delete(`${base}/leases/:name`, async (c) => {
    const revoked = await admin.revokeLease(operator(c), tenant(c), named(c));
    return c.json(changed(revoked, (item) => resources.toLeaseResource(item, leaseStatus(item.lease, item, item.now))));
  });
  app.get(`${base}/audit`, async (c) => {
    const query = (name: string) => c.req.query(name);
    const ask =
      query('newest') === undefined
        ? { after: wholeNumber(query, 'after', 0), limit: wholeNumber(query, 'limit', 100, { min: 1, max: maxAuditRows }) }
        : { newest: wholeNumber(query, 'newest', 20, { min: 1, max: maxAuditRows }) };
    return c.json((await admin.auditRows(operator(c), tenant(c), ask)).map(resources.toAuditResource));
  });
  const stream = async <T>(c: Ctx, steps: AsyncIterable<T>, toResource: (step: T) => object) => {
    const body = await stepStream({ steps, toResource, onFailure: (thrown) => reportFailure(c, thrown) });
    return c.body(body, 200, { 'content-type': 'application/x-ndjson' });
  };
  app.get(`${base}/audit/verify`, (c) => stream(c, admin.verifyAudit(operator(c), tenant(c)), resources.toAuditVerificationResource));
  const confirmations = (c: Ctx, committedAt: number, steps: AsyncIterable<ConfirmationProgress>) =>
    stream(c, steps, (step) => resources.toConfirmationResource(step, committedAt));
  app.get(`${base}/confirmations`, async (c) => {
    const receipt = toReceipt((name) => c.req.query(name));
    return confirmations(c, receipt.committedAt, admin.confirmations(operator(c), tenant(c), receipt, c.req.raw.signal));
  });
  app.get('/v1/confirmations', async (c) => {
    const committedAt = toCommitTime((name) => c.req.query(name));
    return confirmations(c, committedAt, admin.confirmationsOfAll(operator(c), committedAt, c.req.raw.signal));
  });
}
