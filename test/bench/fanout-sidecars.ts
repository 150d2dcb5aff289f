// Many simulated sidecars of revocation-fanout.ts in one process: each has a TLS connection, a watch stream, pings, and a cache that it purges.
import { ChannelCredentials } from '@grpc/grpc-js';
import { createClient, LeaseService } from '@leasehold/contract/grpc';

export interface SidecarsAnswer {
  readonly joined?: number;
  /** By sidecar, when event n was purged: ns on the machine's monotonic clock. */
  readonly purged?: readonly (readonly string[])[];
  /** Streams that ended before their time. */
  readonly lost?: number;
  readonly pongs?: number;
}

const [, , caPem = '', port = '', count = '0', first = '0'] = process.argv;
const credentials = ChannelCredentials.createSsl(Buffer.from(caPem));
const purged: string[][] = [];
const timers: NodeJS.Timeout[] = [];
let joined = 0;
let lost = 0;
let pongs = 0;
const send = (answer: SidecarsAnswer) => process.send?.(answer);

function join(index: number): { close(): void } {
  const client = createClient(LeaseService, credentials, `127.0.0.1:${port}`, {
    'grpc.enable_http_proxy': 0,
    'grpc.ssl_target_name_override': 'broker.bench',
    'grpc.use_local_subchannel_pool': 1,
  });
  const times: string[] = [];
  purged.push(times);
  const cache = new Map<string, Buffer>();
  for (let n = 0; n < 200; n++) cache.set(`lease-${n}`, Buffer.alloc(64, 1));
  const stream = client.watch(
    {
      message({ message }) {
        if (message.case === 'hello' && ++joined === Number(count)) send({ joined });
        if (message.case === 'pong') pongs++;
        if (message.case !== 'revoked') return;
        for (const id of message.value.ids) {
          cache.get(id)?.fill(0);
          cache.delete(id);
        }
        times.push(String(process.hrtime.bigint()));
        stream.send({ message: { case: 'applied', value: { seq: message.value.seq } } });
      },
      ended: () => lost++,
    },
    { metadata: { authorization: `Bearer sidecar-${Number(first) + index}` } },
  );
  stream.send({ message: { case: 'start', value: { epoch: '', seq: 0n } } });
  let id = 0n;
  timers.push(setInterval(() => stream.send({ message: { case: 'ping', value: { id: ++id } } }), 1_000));
  return client;
}

const clients: { close(): void }[] = [];
for (let index = 0; index < Number(count); index++) {
  clients.push(join(index));
  // Reconnects have jitter; so have these.
  if (index % 10 === 9) await new Promise((resolve) => setTimeout(resolve, 20));
}

process.on('message', () => {
  send({ purged, lost, pongs });
  for (const timer of timers) clearInterval(timer);
  for (const client of clients) client.close();
  setTimeout(() => process.exit(), 200);
});
