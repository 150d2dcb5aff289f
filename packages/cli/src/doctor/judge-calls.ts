import { isErrorCode } from '@leasehold/core';
import { exitCodeOf } from '../exit-codes.ts';
import type { SeenCalls } from '../run/sidecar-pages.ts';
import type { Bypass } from './connection-watch.ts';
import { bad, type Finding, good } from './finding.ts';

/**
 * What to make of the calls of a command: which went through the sidecar, which clients did not take its certificate, and which went around it.
 * `bypasses` is undefined where connections can't be watched.
 */
export function judgeCalls({ hosts, rejections }: SeenCalls, bypasses: readonly Bypass[] | undefined): readonly Finding[] {
  const findings = [...hosts.map(judgeHost), ...rejections.map(judgeRejection), ...(bypasses ?? []).map(judgeBypass)];
  if (bypasses === undefined)
    findings.push(bad('bypass', 'Connections can be watched on Linux alone.', 'Run doctor on Linux to see what goes around the sidecar.'));
  else if (bypasses.length === 0) findings.push(good('bypass', 'nothing was seen to go around the sidecar'));
  if (hosts.length === 0 && rejections.length === 0)
    findings.push(
      bad(
        'calls',
        'The command called nothing through the sidecar.',
        'Let it make a call. A client that reads no proxy from its environment needs a base URL: --base-url.',
      ),
    );
  return findings;
}

function judgeHost({ authority, requests, outcomes }: SeenCalls['hosts'][number]): Finding {
  const calls = `${authority}: ${requests} ${requests === 1 ? 'call' : 'calls'} through the sidecar`;
  const failed = Object.entries(outcomes).filter(([outcome]) => isErrorCode(outcome));
  if (failed.length === 0) return good('calls', calls);
  const isPolicy = failed.every(([outcome]) => isErrorCode(outcome) && exitCodeOf[outcome] === 3);
  const listed = failed.map(([outcome, count]) => `${count} × ${outcome}`).join(', ');
  const advice = isPolicy
    ? `An operator sees why with: ${whyCommand(authority)}`
    : 'The sidecar’s log says more: --log-file FILE --log-level debug';
  return bad('calls', `${calls}, not all of them went well (${listed})`, advice, isPolicy ? 3 : 1);
}

/** A base URL that led nowhere is known by its first part, which is no URL. */
function whyCommand(authority: string): string {
  return authority.includes('://') ? `leasehold explain GET ${authority}/` : 'leasehold grant list';
}

function judgeRejection({ host, count }: SeenCalls['rejections'][number]): Finding {
  return bad(
    'trust',
    `${host}: a client did not take the sidecar’s certificate (${count} ${count === 1 ? 'time' : 'times'})`,
    'It pins a certificate, or brings its own list of CAs: name the file in SSL_CERT_FILE or NODE_EXTRA_CA_CERTS to it, or lead it to the base URL with --base-url.',
  );
}

function judgeBypass({ pid, process, address, port }: Bypass): Finding {
  const remote = `${address.includes(':') ? `[${address}]` : address}:${port}`;
  const advice =
    advices.find(([name]) => name.test(process))?.[1] ??
    'Tell it the proxy in its own settings, or lead it to the base URL with --base-url.';
  return bad('bypass', `${process} (process ${pid}) went around the sidecar, to ${remote}`, advice);
}

/** By the name of the process, as the kernel cuts it (15 characters). */
const advices: readonly (readonly [RegExp, string])[] = [
  [
    /^(?:node|MainThread|npm|npx|pnpm|yarn|tsx|next-server)/,
    'Node reads the proxy from its environment with NODE_USE_ENV_PROXY=1, from version 22 on. The SDKs of Stripe and AWS, and ws, never do: lead them to the base URL with --base-url.',
  ],
  [
    /^python|^uvicorn|^gunicorn|^celery/,
    'aiohttp reads the proxy from its environment with trust_env=True alone. Other clients: lead them to the base URL with --base-url.',
  ],
  [
    /^java/,
    'Its HTTP client has a proxy selector of its own: let it use ProxySelector.getDefault(), or lead it to the base URL with --base-url.',
  ],
  [/^(?:psql|redis-cli|mongo|mysql|ssh)/, 'It speaks no HTTP, and no proxy of HTTP can lend it a credential.'],
];
