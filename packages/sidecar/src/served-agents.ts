import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { SidecarGauges } from './adapters/metrics/sidecar-metrics.ts';
import type { EnvironmentPage } from './app/environment-page.ts';
import type { CalledHost } from './app/host-tally.ts';
import type { AgentService } from './ports/agent-service.ts';

/** Whoever is served by this process: one agent, or many. */
export interface ServedAgents {
  readonly serviceFor: (incoming: IncomingMessage) => AgentService;
  /** The one agent that is served; undefined where there are many, who have to prove who they are. */
  readonly only?: AgentService;
  /** Looks at each connection that comes in; it may destroy it. */
  readonly onAccepted?: (socket: Socket) => void;
  readonly gauges: SidecarGauges;
  /** What keeps all of them from being served now. */
  trouble(): string | undefined;
  /** For the ops port. Undefined where there are many agents: none of them may see what another is given. */
  readonly environment?: (proxyUrl: string) => EnvironmentPage;
  /** The same holds for these; and undefined without --tally-hosts. */
  readonly hosts?: (() => readonly CalledHost[]) | undefined;
  /** Resolves when `ended` aborted, leases are given back, and everything is wiped and closed. */
  readonly closed: Promise<void>;
}
