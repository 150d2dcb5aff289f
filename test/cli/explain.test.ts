import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { bytes, draft, grantDraft } from '../../packages/broker/src/app/broker-rig.suite.ts';
import { type OperatorRig, startOperatorRig } from './operator-rig.ts';

let operator: OperatorRig;

beforeAll(async () => {
  operator = await startOperatorRig();
});
afterAll(() => operator.close());
beforeEach(async () => {
  await operator.reset();
  const { admin, root } = operator.broker;
  await admin.addAgent(root, 'one', 'dev');
  await admin.addCredential(root, 'one', draft('api'), bytes('sk-first-000'));
});

const granted = () => operator.broker.admin.putGrant(operator.broker.root, 'one', grantDraft('dev', 'api'));

async function explained(line: string): Promise<Record<string, unknown>> {
  const { code, stdout } = await operator.leasehold(`explain ${line} --json`);
  return { exit: code, ...JSON.parse(stdout) };
}

describe('explain', () => {
  test('names the command that would allow a request; running it is all it takes', async () => {
    const refused = await explained('GET https://api.example.com/v1');
    expect(refused).toMatchObject({
      exit: 3,
      allowed: false,
      agent: 'dev',
      code: 'no_grant',
      destination: 'https://api.example.com:443',
      hint: 'leasehold grant add --agent dev --credential api',
    });
    expect((await operator.leasehold(String(refused.hint).replace('leasehold ', ''))).code).toBe(0);
    expect(await explained('get http://api.example.com/v1')).toMatchObject({
      exit: 0,
      allowed: true,
      credential: 'api',
      destination: 'https://api.example.com:443',
      injection: { kind: 'query', name: 'key' },
    });
  });

  test('takes a base URL, too', async () => {
    await granted();
    expect(await explained('GET http://127.0.0.1:7480/api/v1')).toMatchObject({ allowed: true, credential: 'api', path: '/v1' });
  });

  test('tells people what stands in the way, and what to do about it', async () => {
    await granted();
    await operator.broker.admin.setCredentialStatus(operator.broker.root, 'one', 'api', 'suspended');
    const { code, stdout } = await operator.leasehold('explain GET https://api.example.com/v1');
    expect(code).toBe(3);
    expect(stdout).toMatch(/credential_suspended[\s\S]*leasehold credential resume api/);
  });

  test.each([
    ['GET https://nowhere.example/', 3],
    ['GET https://nowhere.example/a/../b', 2],
    ['GET https://api.example.com/v1 --agent ghost', 4],
  ])('%s ends with %i', async (line, code) => {
    expect((await operator.leasehold(`explain ${line}`)).code).toBe(code);
  });

  test('asks which agent is meant where there are several', async () => {
    await operator.broker.admin.addAgent(operator.broker.root, 'one', 'other');
    const { code, stderr } = await operator.leasehold('explain GET https://api.example.com/v1');
    expect([code, stderr]).toEqual([2, expect.stringContaining('--agent')]);
  });
});
