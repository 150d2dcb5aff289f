import { AppError } from '@leasehold/core';
import type { Agent, Answer, Operator, Vendor } from './actors.ts';
import type { Screen } from './screen.ts';

export interface Scene {
  readonly screen: Screen;
  readonly operator: Operator;
  readonly agent: Agent;
  readonly vendor: Vendor;
  /** http://127.0.0.1:PORT */
  readonly baseUrl: string;
  /** File with the vendor's certificate, for `--ca`. */
  readonly vendorCaFile: string;
}

/** The whole tour; throws AppError when the product does not do what is said. */
export async function takeTour(scene: Scene): Promise<void> {
  const firstKey = await scene.vendor.issueKey();
  await addCredential(scene, firstKey);
  await callWithoutGrant(scene);
  await callWithGrant(scene, firstKey);
  const secondKey = await rotate(scene, firstKey);
  await suspendWhileStreaming(scene);
  await lookBack(scene, [firstKey, secondKey]);
}

async function addCredential({ screen, operator, vendor, vendorCaFile }: Scene, key: string): Promise<void> {
  screen.step('An operator stores the vendor’s key. It goes in on standard input and never comes out again.');
  const args = [
    'credential',
    'add',
    'vendor',
    '--destination',
    vendor.url,
    '--ca',
    vendorCaFile,
    '--private',
    '127.0.0.0/8',
    '--header',
    'Authorization: Bearer {value}',
  ];
  await run(screen, operator, [...args], key);
}

async function callWithoutGrant({ screen, agent, baseUrl }: Scene): Promise<void> {
  screen.step('The agent calls the vendor. It has no key, and no grant yet.');
  const answer = await agent.call(`${baseUrl}/vendor/v1/whoami`);
  screen.fact(`GET ${baseUrl}/vendor/v1/whoami → ${answer.status} ${reason(answer)}`);
  check(answer.status === 403, 'a call without a grant is refused with 403');
  screen.good('refused, and nothing was forwarded');
}

async function callWithGrant({ screen, operator, agent, vendor, baseUrl }: Scene, key: string): Promise<void> {
  screen.step('The operator grants it. The same call goes through.');
  await run(screen, operator, ['grant', 'add', '--agent', 'dev', '--credential', 'vendor', '--ttl', '5m']);
  const answer = await until(
    () => agent.call(`${baseUrl}/vendor/v1/whoami`),
    ({ status }) => status === 200,
  );
  const seen = parsed(answer);
  screen.fact(`GET ${baseUrl}/vendor/v1/whoami → ${answer.status}`);
  screen.good(`the vendor saw the key (its SHA-256 begins ${seen.key_fingerprint})`);
  check(!answer.body.includes(key), 'the answer holds no key');
  screen.good(`it echoed the header back, and the agent got: ${seen.you_sent}`);
  const proxied = await agent.callByProxy(`${vendor.url.replace('https:', 'http:')}/v1/whoami`);
  check(proxied.status === 200, `the same call with http_proxy goes through too, not ${proxied.status}`);
  screen.good('the same with http_proxy set and the vendor’s own URL: 200, sent on over TLS');
  const memory = await agent.holds([key, Buffer.from(key).toString('base64')]);
  check(!memory.found && memory.bytes > 0, 'the agent holds no key');
  screen.good(`the key is nowhere in the agent’s environment or heap (${(memory.bytes / 1e6).toFixed(1)} MB searched)`);
}

async function rotate({ screen, operator, agent, vendor, baseUrl }: Scene, firstKey: string): Promise<string> {
  screen.step('The key is rotated at the vendor and in Leasehold. The next lease carries the new value.');
  const secondKey = await vendor.issueKey();
  check(secondKey !== firstKey, 'the vendor made a new key');
  await run(screen, operator, ['credential', 'rotate', 'vendor'], secondKey);
  const answer = await until(
    () => agent.call(`${baseUrl}/vendor/v1/whoami`),
    ({ status }) => status === 200,
  );
  screen.good(
    `GET → ${answer.status}; the vendor saw the new key (SHA-256 begins ${parsed(answer).key_fingerprint}), the agent changed nothing`,
  );
  return secondKey;
}

async function suspendWhileStreaming({ screen, operator, agent, baseUrl }: Scene): Promise<void> {
  screen.step('An event stream is open when the operator suspends the credential.');
  const stream = await agent.stream(`${baseUrl}/vendor/v1/events`);
  screen.fact(`GET ${baseUrl}/vendor/v1/events → streaming`);
  const suspended = await run(screen, operator, ['credential', 'suspend', 'vendor', '--wait', '--json']);
  const { events, atMs } = await stream.over;
  const committedAt = Date.parse(String(lastJson(suspended).committed_at));
  screen.good(`the stream was cut ${Math.max(0, atMs - committedAt)} ms after the commit; ${events} events had come`);
  const answer = await agent.call(`${baseUrl}/vendor/v1/whoami`);
  check(answer.status === 403, 'the next call is refused with 403');
  screen.good(`the next call: ${answer.status} ${reason(answer)}`);
}

async function lookBack({ screen, operator }: Scene, keys: readonly string[]): Promise<void> {
  screen.step('All of it is in the audit trail, chained by hashes.');
  // Uses are reported once a second: the last refusal is on its way.
  for (let tries = 0; tries < 20 && !(await operator(['audit', 'tail', '--json'])).stdout.includes('"credential_suspended"'); tries += 1)
    await pause(100);
  const trail = await run(screen, operator, ['audit', 'tail', '--limit', '30']);
  check(trail.includes('credential_suspended'), 'the trail holds the last refusal');
  screen.block(trail);
  check(!keys.some((key) => trail.includes(key)), 'the audit trail holds no key');
  const verdict = await run(screen, operator, ['audit', 'verify']);
  screen.good(verdict.trim());
}

async function run(screen: Screen, operator: Operator, args: readonly string[], input?: string): Promise<string> {
  screen.command(
    `leasehold ${args.map((arg) => (/[\s{}*]/.test(arg) ? `'${arg}'` : arg)).join(' ')}${input === undefined ? '' : ' < key.txt'}`,
  );
  const { code, stdout, stderr } = await operator(args, input);
  if (code !== 0) throw new AppError('internal', `leasehold ${args.slice(0, 3).join(' ')} ended with exit code ${code}: ${stderr.trim()}`);
  return stdout;
}

/** Grants and rotations reach the sidecar by push, within milliseconds; a call that is faster still is tried again. */
async function until(call: () => Promise<Answer>, good: (answer: Answer) => boolean): Promise<Answer> {
  let answer = await call();
  for (let tries = 0; !good(answer) && tries < 40; tries += 1) {
    await pause(25);
    answer = await call();
  }
  check(good(answer), `the call goes through, not ${answer.status} ${reason(answer)}`);
  return answer;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function check(fact: boolean, expected: string): void {
  if (!fact) throw new AppError('internal', `The tour expected this and did not see it: ${expected}.`);
}

function parsed(answer: Answer): Readonly<Record<string, unknown>> {
  const body: unknown = JSON.parse(answer.body);
  return typeof body === 'object' && body !== null ? { ...body } : {};
}

function lastJson(lines: string): Readonly<Record<string, unknown>> {
  const body: unknown = JSON.parse(lines.trim().split('\n').at(-1) ?? '{}');
  return typeof body === 'object' && body !== null ? { ...body } : {};
}

function reason(answer: Answer): string {
  const error = parsed(answer).error;
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
}
