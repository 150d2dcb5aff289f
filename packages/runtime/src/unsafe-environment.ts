import { AppError } from '@leasehold/core';

const optionsThatExpose = [
  '--inspect',
  '--heapsnapshot-signal',
  '--heapsnapshot-near-heap-limit',
  '--heap-prof',
  '--report-',
  '--tls-keylog',
  '--trace-tls',
  '--insecure-http-parser',
];

/** What Node, grpc-js and Google's client read to print what passes through them: headers, tokens, and a data key that KMS has just unwrapped. */
const variablesThatExpose = [
  'NODE_DEBUG',
  'NODE_DEBUG_NATIVE',
  'GRPC_TRACE',
  'GRPC_NODE_TRACE',
  'GOOGLE_SDK_NODE_LOGGING',
  'SSLKEYLOGFILE',
];

/**
 * Refuses to start in an environment that turns verification off or writes memory, headers or keys somewhere (INV-8, INV-15).
 * Throws AppError `invalid_argument` that lists every problem at once.
 */
export function refuseUnsafeEnvironment(env: Readonly<Record<string, string | undefined>>, execArgv: readonly string[]): void {
  const problems: string[] = [];
  if (env.NODE_TLS_REJECT_UNAUTHORIZED !== undefined) {
    problems.push(
      'NODE_TLS_REJECT_UNAUTHORIZED is set: it turns certificate checks off for the whole process. Unset it; give a private CA to the destination with --ca.',
    );
  }
  for (const name of variablesThatExpose) {
    if ((env[name] ?? '') !== '') problems.push(`${name} is set: it can print headers or keys. Unset it.`);
  }
  const options = [...(env.NODE_OPTIONS ?? '').split(/\s+/), ...execArgv];
  for (const option of options) {
    if (optionsThatExpose.some((bad) => plainly(option).startsWith(bad)))
      problems.push(`Node option ${option} can expose what this process holds. Remove it.`);
  }
  if (problems.length > 0) throw new AppError('invalid_argument', problems.join('\n'));
}

/** As Node reads it: quotes are taken off, and an underscore is as good as a dash. */
function plainly(option: string): string {
  return option.replaceAll('"', '').replaceAll('_', '-');
}
