import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { AppError } from '@leasehold/core';
import type { AgentService } from '../../ports/agent-service.ts';
import type { AgentName, Agents } from '../../ports/agents.ts';
import { agentOfCertificate } from './client-certificate.ts';
import { readProxyAuthorization } from './proxy-authorization.ts';
import type { UnprovenConnections } from './unproven-connections.ts';

/** What the certificate of a connection says; it is looked at once, but its time runs on. */
type Certified =
  | { readonly kind: 'none' }
  | { readonly kind: 'agent'; readonly name: AgentName; readonly notAfterMs: number }
  | { readonly kind: 'untrusted' };

export interface IdentifyOptions {
  readonly agents: Agents;
  readonly unproven: Pick<UnprovenConnections, 'proven'>;
  readonly now: () => number;
}

/**
 * Finds out, request by request, which agent sends it, and keeps count of the connections of each. A connection that proves another agent than
 * before is that one's from there on; a tunnel stays with the agent that opened it. Throws AppError `identity_missing`, `identity_invalid`,
 * `bad_request` or `overloaded`.
 */
export function createIdentify({ agents, unproven, now }: IdentifyOptions): (incoming: IncomingMessage) => AgentService {
  const certifiedOf = new WeakMap<Socket, Certified>();
  const keptFor = new WeakMap<Socket, { readonly service: AgentService; readonly letGo: () => void }>();

  function certified(socket: Socket): AgentName | undefined {
    let found = certifiedOf.get(socket);
    if (found === undefined) {
      found = readCertificate(socket);
      certifiedOf.set(socket, found);
    }
    if (found.kind === 'none') return undefined;
    if (found.kind === 'untrusted' || now() >= found.notAfterMs) throw untrusted();
    return found.name;
  }

  function keep(socket: Socket, service: AgentService): void {
    const before = keptFor.get(socket);
    // Of a connection that is gone nobody would say that it is.
    if (before?.service === service || socket.destroyed) return;
    // Nothing to cut: what comes next on this connection is judged by its own proof.
    const letGo = service.keep(() => undefined);
    if (letGo === undefined)
      throw new AppError('overloaded', 'This agent has as many connections as it may. Close some, or use those that are there.', {
        retryAfterS: 1,
      });
    if (before === undefined) socket.once('close', () => keptFor.get(socket)?.letGo());
    before?.letGo();
    keptFor.set(socket, { service, letGo });
  }

  return ({ socket, rawHeaders }) => {
    const service = agents.serviceFor({
      token: readProxyAuthorization(rawHeaders),
      certified: certified(socket),
      from: socket.remoteAddress ?? '',
      onProven: () => unproven.proven(socket),
    });
    keep(socket, service);
    return service;
  };
}

function readCertificate(socket: Socket): Certified {
  const certificate = socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined;
  if (certificate === undefined || !(socket instanceof TLSSocket)) return { kind: 'none' };
  const name = socket.authorized ? agentOfCertificate(certificate) : undefined;
  return name === undefined ? { kind: 'untrusted' } : { kind: 'agent', name, notAfterMs: certificate.validToDate.getTime() };
}

function untrusted(): AppError {
  return new AppError(
    'identity_invalid',
    'The client certificate proves no agent: it must come from the gateway’s client CA, be in date, and name one as leasehold://agent/<tenant>/<agent>.',
  );
}
