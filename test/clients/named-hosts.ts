// Loaded into the services of the matrix ahead of everything else (NODE_OPTIONS=--import): a hosts file, and ports below 1024, for a test that
// is not root. The product dials api.openai.com port 443, as it would anywhere, and meets the vendors of the matrix. It verifies their certificates.
import dns from 'node:dns';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';

/** Host names, or suffixes that begin with a dot, and the address of each. */
const hosts: Readonly<Record<string, string>> = JSON.parse(process.env.NAMED_HOSTS ?? '{}');
/** `address:port`, and the port of 127.0.0.1 that stands for it. */
const ports: Readonly<Record<string, number>> = JSON.parse(process.env.NAMED_PORTS ?? '{}');

const lookup = dns.lookup;
Object.assign(dns, {
  lookup: (host: string, options: dns.LookupAllOptions, callback: (error: Error | null, addresses: dns.LookupAddress[]) => void) => {
    const address = hosts[host] ?? hosts[host.slice(host.indexOf('.'))];
    if (address === undefined) lookup(host, options, callback);
    else setImmediate(callback, null, [{ address, family: 4 }]);
  },
});

const connect = net.connect;
Object.assign(net, {
  connect: (options: net.TcpNetConnectOpts, ...rest: unknown[]) => {
    const port = ports[`${options.host}:${options.port}`];
    return Reflect.apply(connect, net, [port === undefined ? options : { ...options, host: '127.0.0.1', port }, ...rest]);
  },
});

syncBuiltinESMExports();
