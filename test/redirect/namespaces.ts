import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A pod and the network outside, as two network namespaces with one cable between them. */
export interface Namespaces {
  /** Runs a command in the pod, as this user. */
  inPod(uid: number, command: string, ...args: readonly string[]): Promise<Ran>;
  /** Starts one of this folder's programs; its standard input ends when the test lets go of it. */
  start(where: 'pod' | 'outside', program: string, options: object): ChildProcess;
  close(): Promise<void>;
}

export const outside = { ipv4: '10.99.0.2', ipv6: 'fd00:99::2' } as const;

/** What is missing on this machine; undefined when namespaces can be made. */
export async function missingForNamespaces(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'needs root, for network namespaces';
  for (const tool of ['ip', 'iptables', 'ip6tables', 'setpriv', 'curl'])
    if ((await run('sh', ['-c', `command -v ${tool}`]).catch(() => undefined)) === undefined)
      return `needs ${tool}: apt-get install iproute2 iptables util-linux curl`;
  return undefined;
}

/** `hosts` are names that the pod knows, as lines of /etc/hosts. */
export async function createNamespaces(hosts: readonly string[]): Promise<Namespaces> {
  const pod = `lh-pod-${process.pid}`;
  const net = `lh-net-${process.pid}`;
  const files = join('/etc/netns', pod);
  const children: ChildProcess[] = [];
  const ip = (...args: readonly string[]) => run('ip', [...args]);

  await mkdir(files, { recursive: true });
  await writeFile(join(files, 'hosts'), `127.0.0.1 localhost\n${hosts.join('\n')}\n`);
  for (const name of [pod, net]) {
    await ip('netns', 'add', name);
    await ip('-n', name, 'link', 'set', 'lo', 'up');
  }
  await ip('-n', pod, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', net);
  for (const [name, last] of [
    [pod, 1],
    [net, 2],
  ] as const) {
    await ip('-n', name, 'addr', 'add', `10.99.0.${last}/24`, 'dev', 'eth0');
    await ip('-n', name, 'addr', 'add', `fd00:99::${last}/64`, 'dev', 'eth0', 'nodad');
    await ip('-n', name, 'link', 'set', 'eth0', 'up');
  }
  await ip('-n', pod, 'route', 'add', 'default', 'via', outside.ipv4);

  return {
    inPod: (uid, command, ...args) =>
      new Promise((resolve) => {
        const words = ['netns', 'exec', pod, 'setpriv', `--reuid=${uid}`, '--clear-groups', command, ...args];
        execFile('ip', words, { timeout: 20_000 }, (error, stdout, stderr) =>
          resolve({ code: typeof error?.code === 'number' ? error.code : error === null ? 0 : 1, stdout, stderr }),
        );
      }),
    start: (where, program, options) => {
      const file = join(import.meta.dirname, program);
      const words = ['netns', 'exec', where === 'pod' ? pod : net, process.execPath, '--disable-warning=ExperimentalWarning', file];
      const child = spawn('ip', [...words, JSON.stringify(options)], { stdio: ['pipe', 'pipe', 'inherit'] });
      children.push(child);
      return child;
    },
    close: async () => {
      for (const child of children) {
        const gone = new Promise((resolve) => child.once('exit', resolve));
        child.stdin?.end();
        if (child.exitCode === null) await gone;
      }
      for (const name of [pod, net]) await ip('netns', 'del', name);
      await rm(files, { recursive: true, force: true });
    },
  };
}
