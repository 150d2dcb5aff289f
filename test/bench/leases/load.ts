// Asks for leases as fast as it is answered, with so many calls in flight.

import { Channel, ChannelCredentials } from '@grpc/grpc-js';
import { createClient, LeaseService, SessionService } from '@leasehold/contract/grpc';

export interface LoadOrder {
  readonly target: string;
  readonly caPem: string;
  readonly tokens: readonly string[];
  readonly credentialId: string;
  readonly inFlight: number;
  readonly seconds: number;
}

export interface LoadReport {
  readonly leases: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly errors: number;
  readonly firstError: string;
}

process.on('message', (order: LoadOrder) => {
  run(order).then((report) => process.send?.(report));
});

async function run({ target, caPem, tokens, credentialId, inFlight, seconds }: LoadOrder): Promise<LoadReport> {
  const credentials = ChannelCredentials.createSsl(Buffer.from(caPem));
  // A connection each, as sidecars have.
  const channel = () => new Channel(target, credentials, { 'grpc.use_local_subchannel_pool': 1 });
  const agents = await Promise.all(
    tokens.map(async (token, index) => {
      const sessions = createClient(SessionService, channel());
      const { sessionToken } = await sessions.open({
        proof: { case: 'agentToken', value: token },
        instanceId: `bench-instance-${index}-0000`,
        instanceName: `bench-${index}`,
      });
      sessions.close();
      return {
        leases: createClient(LeaseService, channel()),
        metadata: { authorization: `Bearer ${sessionToken}` },
      };
    }),
  );
  const took: number[] = [];
  let errors = 0;
  let firstError = '';
  const begin = performance.now();
  const end = begin + seconds * 1_000;
  const worker = async (index: number) => {
    const agent = agents[index % agents.length];
    while (agent !== undefined && performance.now() < end) {
      const asked = performance.now();
      try {
        await agent.leases.acquire({ credentialId }, { metadata: agent.metadata, deadlineMs: 10_000 });
        took.push(performance.now() - asked);
      } catch (thrown) {
        errors += 1;
        firstError = String(thrown);
      }
    }
  };
  await Promise.all(Array.from({ length: inFlight }, (_, index) => worker(index)));
  const elapsed = (performance.now() - begin) / 1_000;
  for (const { leases } of agents) leases.close();
  const sorted = took.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { leases: took.length, seconds: elapsed, p50Ms: at(0.5), p99Ms: at(0.99), errors, firstError };
}
