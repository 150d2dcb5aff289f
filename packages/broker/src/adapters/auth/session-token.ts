import { createHmac, timingSafeEqual } from 'node:crypto';
import { AppError } from '@leasehold/core';
import { LRUCache } from 'lru-cache';
import type { SessionClaims } from '../../ports/use-cases.ts';

export interface SessionTokens {
  sign(claims: Omit<SessionClaims, 'expiresAt'>): { readonly token: string; readonly expiresInMs: number };
  /** Signature and time alone; whether the agent still lives is part of every decision. Throws AppError `identity_invalid`. */
  verify(token: string): SessionClaims;
}

const prefix = 'lhs1';
/** Tokens that were verified lately: an HMAC and a parse saved on each call of a busy sidecar. */
const remembered = 4_096;

/** Stateless tokens, HMAC-SHA-256 under a key that all replicas share: one issuer, one algorithm, nothing to negotiate. */
export function createSessionTokens(options: {
  readonly key: Uint8Array;
  readonly now: () => number;
  readonly lifetimeMs: number;
}): SessionTokens {
  const { key, now, lifetimeMs } = options;
  const verified = new LRUCache<string, SessionClaims>({ max: remembered });
  const macOf = (payload: string): Buffer => createHmac('sha256', key).update(`${prefix}.${payload}`).digest();

  function check(token: string): SessionClaims {
    const [version, payload = '', mac = ''] = token.split('.');
    const given = Buffer.from(mac, 'base64url');
    const expected = macOf(payload);
    if (version !== prefix || given.length !== expected.length || !timingSafeEqual(given, expected)) throw invalid();
    const claims = toClaims(payload);
    verified.set(token, claims);
    return claims;
  }

  return {
    sign: ({ tenantId, agentId, tokenVersion, instanceId, instanceName }) => {
      const fields = [tenantId, agentId, tokenVersion, instanceId, instanceName, now() + lifetimeMs];
      const payload = Buffer.from(JSON.stringify(fields)).toString('base64url');
      return { token: `${prefix}.${payload}.${macOf(payload).toString('base64url')}`, expiresInMs: lifetimeMs };
    },
    verify: (token) => {
      const claims = verified.get(token) ?? check(token);
      if (now() >= claims.expiresAt) throw invalid();
      return claims;
    },
  };
}

/** Only what we signed ourselves comes here. */
function toClaims(payload: string): SessionClaims {
  const fields: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString());
  const [tenantId, agentId, tokenVersion, instanceId, instanceName, expiresAt] = Array.isArray(fields) ? fields : [];
  return {
    tenantId: String(tenantId),
    agentId: String(agentId),
    tokenVersion: Number(tokenVersion),
    instanceId: String(instanceId),
    instanceName: String(instanceName),
    expiresAt: Number(expiresAt),
  };
}

function invalid(): AppError {
  return new AppError('identity_invalid', 'This session token is not valid or has run out. Open a new session.');
}
