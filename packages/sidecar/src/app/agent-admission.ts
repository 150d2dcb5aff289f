import { AppError, type Clock } from '@leasehold/core';
import { LRUCache } from 'lru-cache';
import { type Bucket, takeToken } from '../domain/rate-limit.ts';
import type { AgentProver, ProvenAgent } from '../ports/agent-prover.ts';
import { identityInvalid, tooManyProofs } from './identity-refusals.ts';

/** Asks the broker who an agent is, and never so often that wrong tokens could flood it (THREATS 34). */
export interface AgentAdmission {
  /** `hash` stands for the token in what is remembered. Throws AppError `identity_invalid`, `overloaded` or `broker_unreachable`. */
  prove(token: string, hash: string, from: string): Promise<ProvenAgent>;
  /** Throws AppError `identity_invalid` when this token was refused a moment ago. */
  mustNotBeRefused(hash: string): void;
  /** The broker does not take this token any more. */
  refuse(hash: string): void;
}

export interface AgentAdmissionOptions {
  readonly prover: AgentProver;
  readonly clock: Clock;
  /** How long a refused token is refused without asking again. */
  readonly rememberRefusedMs: number;
  /** Proofs under way at once. */
  readonly maxProving: number;
  /** Wrong tokens that one address may try in a minute. Tokens that are known already do not count, whoever else is at that address. */
  readonly wrongPerMinute: number;
}

const maxRefused = 10_000;
const maxAddresses = 10_000;

export function createAgentAdmission(options: AgentAdmissionOptions): AgentAdmission {
  const { prover, clock, rememberRefusedMs, maxProving, wrongPerMinute } = options;
  const refused = new LRUCache<string, true>({ max: maxRefused, ttl: rememberRefusedMs, perf: { now: () => clock.now().monoMs } });
  const allowances = new LRUCache<string, Bucket>({ max: maxAddresses });
  let proving = 0;

  /** Paid before the question and given back for a right answer: many at once must not all slip through. */
  function pay(from: string): void {
    const taken = takeToken(allowances.get(from), wrongPerMinute, clock.now().monoMs);
    if (taken.kind === 'empty')
      throw new AppError('overloaded', 'Too many wrong agent tokens came from this address. Try again later, with the right one.', {
        retryAfterS: taken.retryAfterS,
      });
    allowances.set(from, taken.bucket);
  }

  function giveBack(from: string): void {
    const bucket = allowances.get(from);
    if (bucket !== undefined) allowances.set(from, { ...bucket, tokens: bucket.tokens + 1 });
  }

  return {
    async prove(token, hash, from) {
      if (proving >= maxProving) throw tooManyProofs();
      pay(from);
      proving += 1;
      try {
        const agent = await prover.prove(token);
        giveBack(from);
        return agent;
      } catch (thrown) {
        const why = AppError.from(thrown);
        if (why.code !== 'identity_invalid' && why.code !== 'identity_missing') {
          giveBack(from);
          throw why;
        }
        refused.set(hash, true);
        throw identityInvalid(why);
      } finally {
        proving -= 1;
      }
    },
    mustNotBeRefused(hash) {
      if (refused.has(hash)) throw identityInvalid();
    },
    refuse(hash) {
      refused.set(hash, true);
    },
  };
}
