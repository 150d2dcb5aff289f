import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DevStack } from './dev-stack.ts';
import type { Vendor } from './vendor.ts';

export interface CredentialAsk {
  readonly name: string;
  readonly value: string;
  /** `Authorization: Bearer {value}` by header when not given. */
  readonly injection?: readonly string[];
  /** Flags besides, such as `--path /v1`. */
  readonly extra?: readonly string[];
}

/** Stores a credential for this vendor as an operator would. */
export async function addCredential(
  stack: DevStack,
  vendor: Pick<Vendor, 'url' | 'port' | 'caPem'>,
  { name, value, injection, extra = [] }: CredentialAsk,
): Promise<void> {
  const caFile = join(stack.dir, `vendor-${vendor.port}.pem`);
  await writeFile(caFile, vendor.caPem);
  const how = injection ?? ['--header', 'Authorization: Bearer {value}'];
  await stack.ok(
    ['credential', 'add', name, '--destination', vendor.url, '--ca', caFile, '--private', '127.0.0.0/8', ...how, ...extra],
    value,
  );
}

export async function grant(stack: DevStack, credential: string, ...extra: readonly string[]): Promise<void> {
  await stack.ok(['grant', 'add', '--agent', 'dev', '--credential', credential, ...extra]);
}

/**
 * Waits for something that the product brings about by push, such as a route that reaches the sidecar. Throws after `withinMs` with what was seen last.
 */
export async function eventually<T>(look: () => Promise<T>, isThere: (seen: T) => boolean, withinMs = 10_000): Promise<T> {
  const deadline = performance.now() + withinMs;
  let seen = await look();
  while (!isThere(seen)) {
    if (performance.now() > deadline) throw new Error(`did not come about; seen last: ${JSON.stringify(seen)?.slice(0, 500)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
    seen = await look();
  }
  return seen;
}
