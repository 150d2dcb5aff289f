import { expect, test } from 'vitest';
import { createTenantFeed } from './tenant-feed.ts';

test('no rows where there must be some is a hole: the feed says so, and whoever reads it does not read for ever', async () => {
  const feed = createTenantFeed({ after: async () => [] }, 't1', { epoch: 'e1', seq: 0 });
  expect(await feed.next(3)).toBeUndefined();
});
