import type { X509Certificate } from 'node:crypto';
import { isName } from '@leasehold/core';
import type { AgentName } from '../../ports/agents.ts';

const prefix = 'URI:leasehold://agent/';

/**
 * The agent that a client certificate names by its one URI `leasehold://agent/<tenant>/<agent>` among the subject's alternative names.
 * Undefined when it names none, or several.
 */
export function agentOfCertificate({ subjectAltName }: Pick<X509Certificate, 'subjectAltName'>): AgentName | undefined {
  // Node writes a value that holds a comma in quotes, so that no part of one can pass for an entry of its own.
  const [uri, ...others] = (subjectAltName ?? '').split(', ').filter((entry) => entry.startsWith(prefix));
  const [tenant = '', agent = '', ...rest] = uri?.slice(prefix.length).split('/') ?? [];
  if (others.length > 0 || rest.length > 0 || !isName(tenant) || !isName(agent)) return undefined;
  return { tenant, agent };
}
