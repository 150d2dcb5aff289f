import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { throughBaseUrl } from '../harness/agent-http.ts';
import { startDevStack } from '../harness/dev-stack.ts';

let parent: string;

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'leasehold-dev-'));
});

afterEach(() => rm(parent, { recursive: true }));

/** What the very first call after the line that says ready is told. */
async function firstAnswer(dir: string, meanwhile: (ok: (args: readonly string[]) => Promise<string>) => Promise<unknown>) {
  const stack = await startDevStack({ dir });
  try {
    const { code } = await throughBaseUrl(stack.proxyPort, '/unknown/x');
    await meanwhile(stack.ok);
    return code;
  } finally {
    await stack.stop();
  }
}

describe('leasehold dev is ready when it says so', () => {
  test('at its first start, and at one after its token was rotated elsewhere', async () => {
    const dir = join(parent, 'state');
    const rotated = join(parent, 'rotated.token');
    expect(await firstAnswer(dir, (ok) => ok(['agent', 'rotate-token', 'dev', '--token-file', rotated]))).toBe('no_grant');
    expect(await firstAnswer(dir, async () => undefined)).toBe('no_grant');
  });

  test('with an agent that is suspended, too: its operator can resume it', async () => {
    const dir = join(parent, 'state');
    await firstAnswer(dir, (ok) => ok(['agent', 'suspend', 'dev']));
    await firstAnswer(dir, (ok) => ok(['agent', 'resume', 'dev']));
    expect(await firstAnswer(dir, async () => undefined)).toBe('no_grant');
  });
});
