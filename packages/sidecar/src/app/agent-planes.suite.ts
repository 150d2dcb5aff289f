import { AppError, type Clock } from '@leasehold/core';
import { vi } from 'vitest';
import type { AgentReply, AgentRequest } from '../ports/agent-exchange.ts';
import type { ProvenAgent } from '../ports/agent-prover.ts';
import type { AgentService } from '../ports/agent-service.ts';
import type { IdentityProof } from '../ports/agents.ts';
import { createAgentAdmission } from './agent-admission.ts';
import { type AgentPlane, type AgentPlanes, createAgentPlanes } from './agent-planes.ts';

export const limits = { maxAgents: 2, maxWaiting: 3, idleMs: 60_000, wrongPerMinute: 5, maxProving: 4, rememberRefusedMs: 10_000 } as const;

export interface ScriptedPlane {
  readonly agent: ProvenAgent;
  readonly token: string;
  /** The broker does not take its token any more. */
  readonly refuse: () => void;
  readonly settle: () => void;
  isIdle: boolean;
  isStopped: boolean;
  /** Requests. */
  handled: number;
}

export interface AskedProof {
  readonly token: string;
  readonly answer: (agentName: string) => void;
  readonly fail: (why: AppError) => void;
}

/** A gateway's planes around a broker that answers when the test says so. Needs fake timers. */
export interface PlanesRig {
  readonly planes: AgentPlanes;
  readonly started: ScriptedPlane[];
  readonly asked: AskedProof[];
  readonly letGo: string[];
  /** Codes of requests that were refused while they waited. */
  readonly counted: string[];
  /** Tokens of agents that have a certificate, by `tenant/agent`. */
  readonly files: Map<string, string>;
  /** While false, a plane that is started does not know its routes. */
  isSettling: boolean;
  /** A request with this proof: resolves with the name of the agent whose plane got it, or the code of its refusal. */
  ask(proof: Partial<IdentityProof>): Promise<string>;
  /** Asks with a token, which is this agent's. */
  prove(agentName: string, token?: string): Promise<string>;
}

const clock: Clock = { now: () => ({ monoMs: Date.now(), wallMs: Date.now() }) };

/** Lets everything run that is due now. */
export async function settle(): Promise<void> {
  await vi.advanceTimersByTimeAsync(0);
}

export function createPlanesRig(): PlanesRig {
  const started: ScriptedPlane[] = [];
  const asked: AskedProof[] = [];
  const letGo: string[] = [];
  const counted: string[] = [];
  const files = new Map<string, string>();
  const handling = new Map<AgentRequest, (agentName: string) => void>();

  const prover = {
    prove: (token: string) => {
      const { promise, resolve, reject } = Promise.withResolvers<ProvenAgent>();
      asked.push({ token, answer: (name) => resolve(agentOf(name)), fail: reject });
      return promise;
    },
  };

  function start(agent: ProvenAgent, token: string, refuse: () => void): AgentPlane {
    const { promise: settled, resolve } = Promise.withResolvers<void>();
    const plane: ScriptedPlane = { agent, token, refuse, settle: resolve, isIdle: true, isStopped: false, handled: 0 };
    if (rig.isSettling) resolve();
    started.push(plane);
    return {
      service: serviceOf(plane),
      settled,
      get isIdle() {
        return plane.isIdle;
      },
      stop: async () => {
        plane.isStopped = true;
      },
    };
  }

  function serviceOf(plane: ScriptedPlane): AgentService {
    return {
      handle: (request) => {
        plane.handled += 1;
        handling.get(request)?.(plane.agent.agentName);
        return { drained: () => undefined, stalled: () => undefined, abandoned: () => undefined };
      },
      judgeTunnel: () => ({ kind: 'intercept' }),
      recordTunnel: () => undefined,
      keep: () => () => undefined,
    };
  }

  const rig: PlanesRig = {
    planes: createAgentPlanes({
      ...limits,
      admission: createAgentAdmission({ ...limits, prover, clock }),
      tokens: {
        tokenOf: async ({ tenant, agent }) => {
          const token = files.get(`${tenant}/${agent}`);
          if (token === undefined) throw new AppError('identity_invalid', 'no file');
          return token;
        },
      },
      hashToken: (token) => `hash of ${token}`,
      start,
      clock,
      onRefused: (code) => counted.push(code),
      onLetGo: ({ agentName }, why) => letGo.push(`${agentName} ${why}`),
    }),
    started,
    asked,
    letGo,
    counted,
    files,
    isSettling: true,
    async ask(proof) {
      const { promise, resolve } = Promise.withResolvers<string>();
      const request = emptyRequest();
      handling.set(request, resolve);
      try {
        const whole = { token: undefined, certified: undefined, from: '10.0.0.1', onProven: () => undefined, ...proof };
        rig.planes.serviceFor(whole).handle(request, replyTo(resolve));
      } catch (thrown) {
        return AppError.from(thrown).code;
      }
      return promise;
    },
    async prove(agentName, token = agentName) {
      const answered = rig.ask({ token });
      asked.at(-1)?.answer(agentName);
      return answered;
    },
  };
  return rig;
}

function agentOf(name: string): ProvenAgent {
  return { tenantId: 'ten', tenantName: 'acme', agentId: `id of ${name}`, agentName: name };
}

function emptyRequest(): AgentRequest {
  const target = { way: 'base-url', credentialName: 'api', method: 'GET', path: '/' } as const;
  return { protocol: 'http/1.1', target, path: '/', rawHeaders: [], body: undefined, contentLength: undefined };
}

function replyTo(refused: (code: string) => void): AgentReply {
  return {
    isStarted: false,
    wantBody: () => undefined,
    inform: () => undefined,
    start: () => undefined,
    write: () => true,
    end: () => undefined,
    refuse: ({ code }) => {
      refused(code);
      return 407;
    },
    cut: () => undefined,
  };
}
