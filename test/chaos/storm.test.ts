import { afterAll, beforeAll, expect, test } from 'vitest';
import { type BrokerUnderTest, startBrokerUnderTest } from '../bench/revocation/broker-under-test.ts';
import { type Crowds, startCrowds } from '../bench/revocation/crowds.ts';

const sidecars = 60;
let broker: BrokerUnderTest;
let crowds: Crowds;

beforeAll(async () => {
  broker = await startBrokerUnderTest('sources');
  crowds = startCrowds(sidecars, 1);
});

afterAll(async () => {
  await crowds?.end();
  await broker?.close();
});

// How long it takes, with 1,000 and more, is the bench's: test/bench/revocation.
test('a crowd of sidecars comes back by itself after the broker was killed, and borrows again', async () => {
  const { admin, target, caPem } = broker;
  await admin.addTenant('storm');
  const { id: credentialId } = await admin.addCredential('storm', {
    name: 'api',
    destinations: [{ url: 'https://api.example.com' }],
    injection: { kind: 'header', name: 'Authorization', template: 'Bearer {value}' },
    value: Buffer.from('sk-storm-0123456789abcdef').toString('base64'),
  });
  const { token } = await admin.addAgent('storm', 'agent');
  await admin.putGrant('storm', { agent: 'agent', credential: 'api' });
  await crowds.join({ target, caPem, tokens: [token], credentialId });
  await crowds.borrow(100);

  const back = crowds.back();
  await broker.kill();
  await broker.restart();
  expect((await back).at.length).toBe(sidecars);
  // The epoch changed: nothing that was lent before is held any more.
  await crowds.borrow(100);
  expect((await admin.status()).sidecars.length).toBe(sidecars);
}, 120_000);
