import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { startAdminServer } from '../../packages/broker/src/adapters/admin/admin-server.ts';
import { type BrokerRig, bytes, createRig, draft, grantDraft } from '../../packages/broker/src/app/broker-rig.suite.ts';
import type { AdminUseCases } from '../../packages/broker/src/ports/use-cases.ts';
import { createTestCa } from '../harness/certificates.ts';
import { type CliResult, runCli } from '../harness/dev-stack.ts';

/** The real program against the real admin server over TLS, with the use cases on a store in memory. */
export interface OperatorRig {
  /** A state directory with `admin.json`, the operator token and the CA. */
  readonly dir: string;
  /** The broker of the test that is running. */
  readonly broker: BrokerRig;
  /** Use cases that answer in place of the broker's. */
  over: Partial<AdminUseCases>;
  /** A new broker with the tenant `one`. */
  reset(): Promise<void>;
  leasehold(line: string, options?: { input?: string; env?: NodeJS.ProcessEnv }): Promise<CliResult>;
  /** With `--json`: what it printed, and that it went well. */
  json(line: string, input?: string): Promise<Record<string, unknown>[]>;
  /** The agent `dev` with a grant on the credential `api`. */
  lent(): Promise<void>;
  close(): Promise<void>;
}

export const addApi = 'credential add api --destination https://api.example.com --query key';

export async function startOperatorRig(): Promise<OperatorRig> {
  const dir = await mkdtemp(join(tmpdir(), 'leasehold-cli-'));
  const end = new AbortController();
  const ca = await createTestCa();
  const tls = await ca.issue(['localhost']);
  let broker = createRig();
  // Each call goes to the rig of the test that is running.
  const admin = new Proxy(broker.admin, {
    get: (_, name: keyof AdminUseCases) =>
      rig.over[name] ?? (name === 'authenticateOperator' ? async () => broker.root : broker.admin[name]),
  });
  const { port } = await startAdminServer({ admin, tls, host: 'localhost', port: 0, onRequest: () => undefined }, end.signal);
  const files = { url: `https://localhost:${port}`, token_file: join(dir, 'operator.token'), ca_file: join(dir, 'ca.pem') };
  await writeFile(files.token_file, 'lho_root\n', { mode: 0o600 });
  await writeFile(files.ca_file, ca.caPem);
  await writeFile(join(dir, 'admin.json'), JSON.stringify(files));

  const rig: OperatorRig = {
    dir,
    get broker() {
      return broker;
    },
    over: {},
    reset: async () => {
      rig.over = {};
      broker = createRig();
      await broker.admin.addTenant(broker.root, 'one');
    },
    leasehold: (line, { input = '', env = {} } = {}) => runCli([...line.split(' '), '--dir', dir], input, env),
    json: async (line, input) => {
      const { code, stdout, stderr } = await rig.leasehold(`${line} --json`, input === undefined ? {} : { input });
      expect([code, stderr]).toEqual([0, '']);
      return stdout
        .trim()
        .split('\n')
        .map((each) => JSON.parse(each));
    },
    lent: async () => {
      const { admin, root } = broker;
      await admin.addAgent(root, 'one', 'dev');
      await admin.addCredential(root, 'one', draft('api'), bytes('sk-first-000'));
      await admin.putGrant(root, 'one', grantDraft('dev', 'api'));
    },
    close: async () => {
      end.abort();
      await rm(dir, { recursive: true });
    },
  };
  return rig;
}
