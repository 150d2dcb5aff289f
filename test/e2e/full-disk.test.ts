import { expect, test } from 'vitest';
import { throughBaseUrl } from '../harness/agent-http.ts';
import { startBrokerAndSidecar } from '../harness/broker-and-sidecar.ts';

test('THREATS 34: on a disk with too little left nothing is lent or added, and the kill switch works', async () => {
  // More than any disk has.
  const pair = await startBrokerAndSidecar([], { thenWith: ['--least-free-mib', '1000000000'] });
  try {
    const refused = await throughBaseUrl(pair.proxyPort, '/api/v1');
    expect([refused.status, refused.code]).toEqual([503, 'store_unavailable']);
    await expect(pair.admin.addAgent('one', 'another')).rejects.toMatchObject({ code: 'store_unavailable' });
    const { items } = await pair.admin.killAll();
    const [killed] = items;
    expect(await pair.confirmed(killed)).toMatchObject({ done: true, total: 1, outstanding: [] });
  } finally {
    await pair.close();
  }
});
