import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findBroker } from './find-broker.ts';

const all = { broker: 'b:1', brokerCaFile: '/ca.pem', agentTokenFile: '/agent.token' };
const variables = { LEASEHOLD_BROKER: 'v:1', LEASEHOLD_BROKER_CA_FILE: '/v.pem', LEASEHOLD_AGENT_TOKEN_FILE: '/v.token' };
const ofFlags = { broker: 'b:1', caFile: '/ca.pem', tokenFile: '/agent.token', serverName: undefined };
const ofDirectory = { broker: 'localhost:7443', caFile: '/d.pem', tokenFile: '/d.token', serverName: undefined };

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'leasehold-find-'));
  await writeFile(join(dir, 'admin.json'), JSON.stringify({ grpc: 'localhost:7443', agent_token_file: '/d.token', ca_file: '/d.pem' }));
});
afterAll(() => rm(dir, { recursive: true }));

describe('a broker is found', () => {
  test('by flags before variables', async () => {
    expect(await findBroker(all, variables)).toEqual(ofFlags);
    expect(await findBroker({ broker: 'b:1' }, variables)).toEqual({
      broker: 'b:1',
      caFile: '/v.pem',
      tokenFile: '/v.token',
      serverName: undefined,
    });
  });

  test('in a directory that is named, whatever the variables say', async () => {
    expect(await findBroker({ dir }, variables)).toEqual(ofDirectory);
  });

  test('in the directory of the environment when nothing else is said; a variable that is set to nothing is not set', async () => {
    expect(await findBroker({}, { LEASEHOLD_DIR: dir, LEASEHOLD_BROKER: '' })).toEqual(ofDirectory);
  });
});

describe('a broker is not guessed', () => {
  test.each([
    ['some of three flags', { broker: 'b:1' }, /--broker-ca-file .*--agent-token-file .*are missing/],
    ['a directory and a broker', { dir: '/d', broker: 'b:1' }, /one or the other/],
    ['a directory without a broker', { dir: '/ghost' }, /leasehold dev/],
  ])('from %s', async (_, flags, message) => {
    await expect(findBroker(flags, {})).rejects.toThrow(message);
  });

  test('from a directory of an older version', async () => {
    await writeFile(join(dir, 'admin.json'), JSON.stringify({ url: 'https://localhost:1', ca_file: '/d.pem' }));
    await expect(findBroker({ dir }, {})).rejects.toThrow(/Start the broker again/);
  });
});
