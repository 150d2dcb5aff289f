export interface RedirectRules {
  readonly family: 'ipv4' | 'ipv6';
  /** The user that the sidecar runs as, and nobody else: its connections are left alone. */
  readonly proxyUid: number;
  readonly httpPort: number;
  readonly tlsPort: number;
  /** TCP ports, besides 80, 443 and DNS, that agents may reach by themselves, such as a database's. */
  readonly passPorts: readonly number[];
}

const redirectChain = 'LEASEHOLD_REDIRECT';
const egressChain = 'LEASEHOLD_EGRESS';

const addresses = {
  ipv4: { loopback: '127.0.0.0/8', metadata: ['169.254.169.254/32', '169.254.170.2/32', '100.100.100.200/32'], icmp: 'icmp' },
  ipv6: { loopback: '::1/128', metadata: ['fd00:ec2::254/128', 'fd00:ec2::23/128'], icmp: 'ipv6-icmp' },
} as const;

/**
 * Puts our rules into what `iptables-save` printed, in place of any of ours that are there, and leaves all others as they are: the result is for
 * `iptables-restore`, which swaps a table whole. Doing it twice changes nothing more.
 */
export function putRedirectRules(saved: string, rules: RedirectRules): string {
  const kept = removeRedirectRules(saved);
  return putInTable(putInTable(kept, 'nat', redirectLines(rules)), 'filter', egressLines(rules));
}

/** What `iptables-save` printed, without our rules: what it would have printed before. */
export function removeRedirectRules(saved: string): string {
  const isOurs = (line: string) =>
    new RegExp(`^(?::|-A )(?:${redirectChain}|${egressChain}) |^-A OUTPUT .*-j (?:${redirectChain}|${egressChain})$`).test(line);
  return saved
    .split('\n')
    .filter((line) => !isOurs(line))
    .join('\n');
}

/** Turns what agents send to the web's two ports to the sidecar. */
function redirectLines({ family, proxyUid, httpPort, tlsPort }: RedirectRules): TableLines {
  const { loopback } = addresses[family];
  return {
    chain: redirectChain,
    jump: `-A OUTPUT -p tcp -j ${redirectChain}`,
    rules: [
      `-m owner --uid-owner ${proxyUid} -j RETURN`,
      `-d ${loopback} -j RETURN`,
      `-p tcp -m tcp --dport 80 -j REDIRECT --to-ports ${httpPort}`,
      `-p tcp -m tcp --dport 443 -j REDIRECT --to-ports ${tlsPort}`,
    ],
  };
}

/** Refuses what would pass the sidecar by: other ports, QUIC and whatever else is UDP, metadata services. Refused at once, so that clients fall back at once. */
function egressLines({ family, proxyUid, passPorts }: RedirectRules): TableLines {
  const { loopback, metadata, icmp } = addresses[family];
  return {
    chain: egressChain,
    jump: `-A OUTPUT -j ${egressChain}`,
    rules: [
      ...metadata.map((address) => `-d ${address} -j REJECT`),
      `-m owner --uid-owner ${proxyUid} -j RETURN`,
      `-d ${loopback} -j RETURN`,
      // Answers to those who called the agent; and what the kernel says in the name of a connection, which has no owner.
      '-m conntrack --ctstate RELATED,ESTABLISHED -j RETURN',
      '-p udp -m udp --dport 53 -j RETURN',
      '-p tcp -m tcp --dport 53 -j RETURN',
      ...passPorts.map((port) => `-p tcp -m tcp --dport ${port} -j RETURN`),
      // Neighbours are found by ICMP.
      `-p ${icmp} -j RETURN`,
      '-p tcp -j REJECT --reject-with tcp-reset',
      '-j REJECT',
    ],
  };
}

interface TableLines {
  readonly chain: string;
  /** From the chain that all packets of this machine's own processes go through. Before all others, or one of them could let a packet pass. */
  readonly jump: string;
  readonly rules: readonly string[];
}

function putInTable(saved: string, table: string, { chain, jump, rules }: TableLines): string {
  const ours = [jump, ...rules.map((rule) => `-A ${chain} ${rule}`)];
  const lines = saved.split('\n');
  const start = lines.indexOf(`*${table}`);
  if (start === -1) {
    const before = saved === '' || saved.endsWith('\n') ? saved : `${saved}\n`;
    return `${before}${[`*${table}`, ':OUTPUT ACCEPT [0:0]', `:${chain} - [0:0]`, ...ours, 'COMMIT'].join('\n')}\n`;
  }
  const firstRule = lines.findIndex((line, index) => index > start && !line.startsWith(':'));
  return [...lines.slice(0, firstRule), `:${chain} - [0:0]`, ...ours, ...lines.slice(firstRule)].join('\n');
}
