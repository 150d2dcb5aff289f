import type { Store } from '../../ports/store.ts';

/**
 * How long sidecars may be in step that another broker on this database left behind: by what that one told them. It is forgotten once they have closed
 * themselves, and not before, however often this one is started meanwhile.
 */
export async function forebearsOf(
  store: Pick<Store, 'announced' | 'listings'>,
  maxStalenessMs: number,
  ended: AbortSignal,
): Promise<number> {
  const before = await store.announced.maxStalenessMs();
  const longest = Math.max(before, maxStalenessMs);
  await store.announced.keepMaxStaleness(longest);
  if (longest > maxStalenessMs) {
    const timer = setTimeout(() => void store.announced.keepMaxStaleness(maxStalenessMs).catch(() => undefined), longest).unref();
    ended.addEventListener('abort', () => clearTimeout(timer), { once: true });
  }
  // A database that knows no tenant has never had a sidecar.
  const tenants = await store.listings.tenantCount();
  return tenants === 0 ? 0 : before === 0 ? maxStalenessMs : before;
}
