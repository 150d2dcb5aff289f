import type { AppError, Clock } from '@leasehold/core';
import type { ProvenAgent } from '../ports/agent-prover.ts';
import type { AgentService } from '../ports/agent-service.ts';
import type { AgentTokens } from '../ports/agent-tokens.ts';
import type { AgentName, Agents, IdentityProof } from '../ports/agents.ts';
import type { AgentAdmission } from './agent-admission.ts';
import { identityInvalid, identityMissing, tooManyAgents, tooManyProofs } from './identity-refusals.ts';
import { createPendingService } from './pending-service.ts';

/** All that serves one agent, and what the gateway needs to know to keep it or let it go. */
export interface AgentPlane {
  readonly service: AgentService;
  /** Resolves once it can serve, or it is known why not. Never rejects. */
  readonly settled: Promise<void>;
  /** Nothing is in flight and no connection is kept. */
  readonly isIdle: boolean;
  /** Gives its leases back, wipes and closes everything. */
  stop(): Promise<void>;
}

export type LetGoBecause = 'idle' | 'refused' | 'replaced' | 'evicted' | 'stopping';

export interface AgentPlanesOptions {
  readonly admission: AgentAdmission;
  readonly tokens: AgentTokens;
  readonly hashToken: (token: string) => string;
  /** `onRefused`: the broker does not take this token any more. */
  readonly start: (agent: ProvenAgent, token: string, onRefused: () => void) => AgentPlane;
  readonly clock: Clock;
  readonly maxAgents: number;
  /** How long an agent's plane is kept that nobody uses. */
  readonly idleMs: number;
  /** Requests that may wait for one agent to be proven. */
  readonly maxWaiting: number;
  /** Counts requests that were refused while they waited. */
  readonly onRefused: (code: AppError['code']) => void;
  readonly onLetGo: (agent: ProvenAgent, why: LetGoBecause) => void;
}

export interface AgentPlanes extends Agents {
  readonly size: number;
  close(): Promise<void>;
}

interface Kept {
  readonly hash: string;
  readonly agent: ProvenAgent;
  readonly plane: AgentPlane;
  isSettled: boolean;
  usedAtMs: number;
}

/** One plane for each agent that has proven itself, found by the hash of its token for as long as it lives. */
export function createAgentPlanes(options: AgentPlanesOptions): AgentPlanes {
  const { admission, clock, hashToken, idleMs } = options;
  const byHash = new Map<string, Kept>();
  const byAgent = new Map<string, Kept>();
  const byName = new Map<string, Kept>();
  const opening = new Map<string, { waiting: number; readonly landed: Promise<Kept> }>();
  const stopping = new Set<Promise<unknown>>();
  let isClosed = false;
  const sweeping = setInterval(sweep, Math.max(1_000, Math.floor(idleMs / 4)));
  sweeping.unref();

  function find(key: string, hash: string | undefined): Kept | undefined {
    return hash === undefined ? byName.get(key) : byHash.get(hash);
  }

  function serviceFor(proof: IdentityProof): AgentService {
    const { token, certified } = proof;
    const hash = token === undefined ? undefined : hashToken(token);
    const key = hash ?? nameOf(certified);
    if (key === undefined) throw identityMissing();
    const flight = opening.get(key);
    const found = flight === undefined ? find(key, hash) : undefined;
    if (found?.isSettled) {
      mustAgree(found, proof, hash);
      found.usedAtMs = clock.now().monoMs;
      proof.onProven();
      return found.plane.service;
    }
    if (hash !== undefined) admission.mustNotBeRefused(hash);
    const waitedFor = flight ?? depart(key, proof);
    if (waitedFor.waiting >= options.maxWaiting) throw tooManyProofs();
    waitedFor.waiting += 1;
    const arriving = waitedFor.landed.then((kept) => {
      mustAgree(kept, proof, hash);
      proof.onProven();
      return kept.plane.service;
    });
    return createPendingService(arriving, options.onRefused);
  }

  function depart(key: string, proof: IdentityProof): { waiting: number; readonly landed: Promise<Kept> } {
    const landed = open(proof).finally(() => opening.delete(key));
    const flight = { waiting: 0, landed };
    opening.set(key, flight);
    return flight;
  }

  async function open({ token: given, certified, from }: IdentityProof): Promise<Kept> {
    const token = given ?? (certified === undefined ? undefined : await options.tokens.tokenOf(certified));
    if (token === undefined) throw identityMissing();
    const hash = hashToken(token);
    admission.mustNotBeRefused(hash);
    const kept = byHash.get(hash) ?? start(await admission.prove(token, hash, from), token, hash);
    await kept.plane.settled;
    kept.isSettled = true;
    kept.usedAtMs = clock.now().monoMs;
    return kept;
  }

  function start(agent: ProvenAgent, token: string, hash: string): Kept {
    if (isClosed) throw tooManyAgents();
    // Somebody else may have proven the same token meanwhile, in another way.
    const same = byHash.get(hash);
    if (same !== undefined) return same;
    // An agent has one token: this one is newer, and what was borrowed under the other is over.
    const older = byAgent.get(agent.agentId);
    if (older !== undefined) letGo(older, 'replaced');
    makeRoom();
    const plane = options.start(agent, token, () => {
      admission.refuse(hash);
      const refused = byHash.get(hash);
      if (refused !== undefined) letGo(refused, 'refused');
    });
    const kept = { hash, agent, plane, isSettled: false, usedAtMs: clock.now().monoMs };
    byHash.set(hash, kept);
    byAgent.set(agent.agentId, kept);
    byName.set(`${agent.tenantName}/${agent.agentName}`, kept);
    return kept;
  }

  function makeRoom(): void {
    // Those that stop still hold what they hold.
    if (stopping.size >= options.maxAgents) throw tooManyAgents();
    if (byHash.size < options.maxAgents) return;
    const [longestIdle] = [...byHash.values()]
      .filter(({ plane, isSettled }) => isSettled && plane.isIdle)
      .toSorted((a, b) => a.usedAtMs - b.usedAtMs);
    if (longestIdle === undefined) throw tooManyAgents();
    letGo(longestIdle, 'evicted');
  }

  function letGo(kept: Kept, why: LetGoBecause): void {
    const { hash, agent, plane } = kept;
    if (byHash.get(hash) !== kept) return;
    byHash.delete(hash);
    if (byAgent.get(agent.agentId) === kept) byAgent.delete(agent.agentId);
    const name = `${agent.tenantName}/${agent.agentName}`;
    if (byName.get(name) === kept) byName.delete(name);
    options.onLetGo(agent, why);
    const done = () => stopping.delete(stopped);
    // Whatever went wrong at its end, it holds nothing any more.
    const stopped: Promise<unknown> = plane.stop().then(done, done);
    stopping.add(stopped);
  }

  function sweep(): void {
    const now = clock.now().monoMs;
    for (const kept of byHash.values()) if (kept.plane.isIdle && now - kept.usedAtMs >= idleMs) letGo(kept, 'idle');
  }

  return {
    serviceFor,
    get size() {
      return byHash.size;
    },
    async close() {
      isClosed = true;
      clearInterval(sweeping);
      for (const kept of [...byHash.values()]) letGo(kept, 'stopping');
      await Promise.all([...stopping]);
    },
  };
}

/** INV-14: who an agent is was said by the broker. A proof that says two things says the same twice, or nothing. */
function mustAgree({ agent, hash: known }: Kept, { certified }: IdentityProof, hash: string | undefined): void {
  const isNamed = certified === undefined || (certified.tenant === agent.tenantName && certified.agent === agent.agentName);
  if (!isNamed || (hash !== undefined && hash !== known)) throw identityInvalid();
}

function nameOf(certified: AgentName | undefined): string | undefined {
  return certified === undefined ? undefined : `${certified.tenant}/${certified.agent}`;
}
