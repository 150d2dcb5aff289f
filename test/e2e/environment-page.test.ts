import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DevStack, startDevStack } from '../harness/dev-stack.ts';
import { addCredential, eventually, grant } from '../harness/lending.ts';
import { startVendor, type Vendor } from '../harness/vendor.ts';

const value = 'sk-never-shown-0123456789';
let stack: DevStack;
let vendor: Vendor;

beforeAll(async () => {
  vendor = await startVendor();
  stack = await startDevStack();
  for (const name of ['granted', 'ungranted']) {
    const extra = [
      '--placeholder',
      'sk-{random}',
      '--env',
      `${name.toUpperCase()}_KEY={placeholder}`,
      '--env',
      `${name.toUpperCase()}_URL={base_url}/v1`,
    ];
    await addCredential(stack, vendor, { name, value, extra });
  }
  await grant(stack, 'granted');
});

afterAll(async () => {
  await stack?.close();
  await vendor?.close();
});

test('the sidecar tells its agent the variables of what was granted, filled in, and no secret', async () => {
  const page = async () => (await fetch(new URL('/environment', stack.ready.sidecar.metrics_url))).json();
  const seen = await eventually<unknown>(page, (shown) => JSON.stringify(shown).includes('GRANTED_KEY'));
  expect(seen).toEqual({
    trouble: null,
    variables: [
      { credential: 'granted', name: 'GRANTED_KEY', value: expect.stringMatching(/^sk-[A-Za-z0-9]{22}$/), isBaseUrl: false },
      { credential: 'granted', name: 'GRANTED_URL', value: `${stack.ready.base_url}/granted/v1`, isBaseUrl: true },
    ],
  });
  expect(JSON.stringify(seen)).not.toContain(value);
});
