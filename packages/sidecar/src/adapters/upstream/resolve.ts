import { lookup, Resolver } from 'node:dns';

/** All addresses of a host, in the order in which they are to be tried. */
export type Resolve = (host: string, callback: ResolveCallback) => void;
type ResolveCallback = (error: Error | null, addresses: readonly string[]) => void;

/** As every program on this machine does: `/etc/hosts` and search domains included. It takes a thread, of which there are few, for as long as DNS takes. */
const lookUp: Resolve = (host, callback) => {
  lookup(host, { all: true, order: 'ipv4first' }, (error, found) =>
    callback(error, error === null ? found.map(({ address }) => address) : []),
  );
};

/** For the hosts of destinations, which operators choose. */
export const resolveBySystem: Resolve = joinLookups(lookUp);

/** Whoever asks for a host that is being looked up waits for the same answer: a name that nobody answers for must not take one thread for each request. */
export function joinLookups(resolve: Resolve): Resolve {
  const waiting = new Map<string, ResolveCallback[]>();
  return (host, callback) => {
    const others = waiting.get(host);
    if (others !== undefined) {
      others.push(callback);
      return;
    }
    const all = [callback];
    waiting.set(host, all);
    resolve(host, (error, addresses) => {
      waiting.delete(host);
      for (const each of all) each(error, addresses);
    });
  };
}

/**
 * For hosts that agents of a gateway choose: asks the name servers itself, on no thread, so that a name whose server keeps silent holds up nobody
 * else's (THREATS 34). It knows neither `/etc/hosts` nor search domains.
 *
 * @param servers in place of those of the system: `address:port`.
 */
export function createResolveByServers(servers?: readonly string[]): Resolve {
  const resolver = new Resolver({ timeout: 2_000, tries: 2 });
  if (servers !== undefined) resolver.setServers(servers);
  return joinLookups((host, callback) => {
    const found: { 4?: readonly string[]; 6?: readonly string[] } = {};
    let failure: Error | null = null;
    const told = (family: 4 | 6) => (error: Error | null, addresses: readonly string[]) => {
      found[family] = error === null ? addresses : [];
      failure ??= error;
      if (found[4] === undefined || found[6] === undefined) return;
      const all = [...found[4], ...found[6]];
      callback(all.length === 0 ? failure : null, all);
    };
    resolver.resolve4(host, told(4));
    resolver.resolve6(host, told(6));
  });
}
