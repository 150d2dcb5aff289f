import { text } from 'node:stream/consumers';
import { AppError } from '@leasehold/core';
import { readSettings } from '@leasehold/runtime';
import { putRedirectRules, removeRedirectRules } from './domain/redirect-rules.ts';

const usage = `leasehold-sidecar redirect-rules: turns the connections of agents that know of no proxy to the sidecar of their network namespace

  iptables-save  | leasehold-sidecar redirect-rules --proxy-uid UID               | iptables-restore
  ip6tables-save | leasehold-sidecar redirect-rules --proxy-uid UID --family ipv6 | ip6tables-restore

  --proxy-uid UID            User that the sidecar runs as, and no agent: its own connections are left alone.
  --family ipv4|ipv6         (default ipv4)
  --redirect-http-port PORT  As the sidecar's own setting (default 7482).
  --redirect-tls-port PORT   As the sidecar's own setting (default 7483).
  --pass-port PORT           TCP port that agents may reach by themselves; repeatable. Other ports and UDP are refused, DNS excepted.
  --remove                   Takes the rules out again.
`;

const specs = {
  'proxy-uid': { kind: 'integer', about: '', fallback: -1, min: 1, max: 4_294_967_294 },
  family: { kind: 'choice', about: '', fallback: 'ipv4', choices: ['ipv4', 'ipv6'] },
  'redirect-http-port': { kind: 'port', about: '', fallback: 7482 },
  'redirect-tls-port': { kind: 'port', about: '', fallback: 7483 },
  'pass-port': { kind: 'list', about: '', fallback: [] },
  remove: { kind: 'flag', about: '', fallback: false },
} as const;

export interface RulesProcess {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
}

/** Reads what `iptables-save` printed, prints what `iptables-restore` takes. Returns the exit code. */
export async function printRedirectRules(argv: readonly string[], { stdin, stdout, stderr }: RulesProcess): Promise<number> {
  if (argv.includes('--help')) {
    stdout.write(usage);
    return 0;
  }
  try {
    const settings = readSettings(specs, { argv, env: {}, envPrefix: 'LEASEHOLD_SIDECAR_' });
    const saved = stdin.isTTY ? '' : await text(stdin);
    stdout.write(settings.remove ? removeRedirectRules(saved) : putRedirectRules(saved, rulesOf(settings)));
    return 0;
  } catch (thrown) {
    stderr.write(`${AppError.from(thrown).message}\n`);
    return 2;
  }
}

function rulesOf(settings: ReturnType<typeof readSettings<typeof specs>>): Parameters<typeof putRedirectRules>[1] {
  const problems: string[] = [];
  const proxyUid = settings['proxy-uid'];
  if (proxyUid < 1)
    problems.push('--proxy-uid is required: the user that the sidecar runs as. It must not be root’s, which agents may have.');
  const httpPort = settings['redirect-http-port'];
  const tlsPort = settings['redirect-tls-port'];
  for (const port of [httpPort, tlsPort]) if (port === 0) problems.push('Rules need the port that the sidecar really has, not 0.');
  if (httpPort === tlsPort) problems.push('--redirect-http-port and --redirect-tls-port are two ports.');
  const passPorts = settings['pass-port'].map((port) => portOf(port, problems));
  if (problems.length > 0) throw new AppError('invalid_argument', problems.join('\n'));
  return { family: settings.family, proxyUid, httpPort, tlsPort, passPorts };
}

function portOf(port: string, problems: string[]): number {
  const number = /^\d{1,5}$/.test(port) ? Number(port) : 0;
  if (number < 1 || number > 65_535) problems.push(`--pass-port "${port}" is no port.`);
  if (number === 80 || number === 443) problems.push(`--pass-port ${port} is redirected: it can't be passed too.`);
  return number;
}
