import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { makeVendorCertificate } from './vendor-certificate.ts';

type Said = Readonly<Record<string, unknown>>;

const quiet = '--disable-warning=ExperimentalWarning';

function start(file: string, env: NodeJS.ProcessEnv): ChildProcess {
  return spawn(process.execPath, [quiet, fileURLToPath(new URL(file, import.meta.url))], {
    stdio: ['pipe', 'pipe', 'inherit', 'ipc'],
    env,
  });
}

export interface Vendor {
  readonly url: string;
  readonly certPem: string;
  /** Makes a new key and has the vendor accept it alone, as a rotation at a provider does. */
  issueKey(): Promise<string>;
  stop(): void;
}

export async function startVendor(): Promise<Vendor> {
  const { certPem, keyPem } = await makeVendorCertificate();
  const child = start('./vendor.ts', {});
  const tell = async (line: object): Promise<Said> => {
    child.stdin?.write(`${JSON.stringify(line)}\n`);
    const [answer] = await once(child, 'message');
    return answer;
  };
  const { port } = await tell({ cert: certPem, key: keyPem });
  return {
    url: `https://localhost:${port}`,
    certPem,
    issueKey: async () => {
      const key = `vk_${randomBytes(24).toString('base64url')}`;
      await tell({ accept: [key] });
      return key;
    },
    stop: () => child.kill(),
  };
}

export interface Answer {
  readonly status: number;
  readonly body: string;
}

export interface StreamInFlight {
  /** Resolves when the stream is cut: how many events came, and the wall-clock ms at which it was over. */
  readonly over: Promise<{ readonly events: number; readonly atMs: number }>;
}

export interface Agent {
  readonly pid: number;
  call(url: string): Promise<Answer>;
  /** Over `http_proxy`, with the vendor's own name in the URL. */
  callByProxy(url: string): Promise<Answer>;
  stream(url: string): Promise<StreamInFlight>;
  /**
   * Whether any of these texts stands in the agent's environment or in a snapshot of its heap, and how much was searched. Throws when what every
   * agent's heap holds, where its proxy is, was not found either: then the search is worth nothing.
   */
  holds(needles: readonly string[]): Promise<{ readonly found: boolean; readonly bytes: number }>;
  stop(): void;
}

/** An agent is given the sidecar's address and nothing else. */
export function startAgent(proxyUrl: string): Agent {
  const child = start('./agent.ts', { http_proxy: proxyUrl });
  let orders = 0;
  const listeners = new Map<number, (said: Said) => void>();
  child.on('message', (said: Said) => listeners.get(Number(said.id))?.(said));

  const order = (what: object, listener: (said: Said) => void) => {
    orders += 1;
    listeners.set(orders, listener);
    child.send({ id: orders, ...what });
  };
  const ask = (what: object) =>
    new Promise<Answer>((resolve, reject) => {
      order(what, ({ status, body, failed }) => {
        if (failed === undefined) resolve({ status: Number(status), body: String(body) });
        else reject(new Error(`the agent's call failed: ${String(failed)}`));
      });
    });

  return {
    pid: child.pid ?? 0,
    call: (url) => ask({ do: 'call', url }),
    callByProxy: (url) => ask({ do: 'call-by-proxy', url }),
    stream: (url) => {
      const over = Promise.withResolvers<{ events: number; atMs: number }>();
      return new Promise((resolve, reject) => {
        order({ do: 'stream', url }, (said) => {
          if (said.streaming === true) resolve({ over: over.promise });
          else if (said.over === true) over.resolve({ events: Number(said.events), atMs: Number(said.atMs) });
          else reject(new Error(`the stream did not open: ${String(said.failed ?? said.status)}`));
        });
      });
    },
    holds: (needles) => searchAgent(child, proxyUrl, needles, order),
    stop: () => child.kill(),
  };
}

async function searchAgent(
  child: ChildProcess,
  control: string,
  needles: readonly string[],
  order: (what: object, listener: (said: Said) => void) => void,
): Promise<{ found: boolean; bytes: number }> {
  const environment = await readFile(`/proc/${child.pid}/environ`, 'latin1').catch(() => '');
  let found = needles.some((needle) => environment.includes(needle));
  let isSearched = false;
  let received = 0;
  let tail = '';
  const overlap = Math.max(...[control, ...needles].map((needle) => needle.length));
  const whole = Promise.withResolvers<void>();
  let announced = Number.POSITIVE_INFINITY;
  const onData = (chunk: Buffer) => {
    received += chunk.length;
    const text = tail.slice(-overlap) + chunk.toString('latin1');
    found ||= needles.some((needle) => text.includes(needle));
    isSearched ||= text.includes(control);
    tail = text;
    if (received >= announced) whole.resolve();
  };
  child.stdout?.on('data', onData);
  order({ do: 'snapshot' }, ({ bytes }) => {
    announced = Number(bytes);
    if (received >= announced) whole.resolve();
  });
  await whole.promise;
  child.stdout?.off('data', onData);
  if (!isSearched) throw new Error('the agent’s heap could not be searched');
  return { found, bytes: environment.length + received };
}

/** Runs `leasehold` as an operator would; `input` is what stands on its standard input. */
export type Operator = (
  args: readonly string[],
  input?: string,
) => Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }>;

export function createOperator(dir: string): Operator {
  return async (args, input = '') => {
    const child = spawn(process.execPath, [quiet, fileURLToPath(new URL('../main.ts', import.meta.url)), ...args, '--dir', dir], {
      stdio: 'pipe',
    });
    const output = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk: Buffer) => {
      output.stdout += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      output.stderr += chunk.toString();
    });
    child.stdin.end(input);
    const [code] = await once(child, 'close');
    return { code: Number(code), ...output };
  };
}
