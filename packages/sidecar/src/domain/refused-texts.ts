import type { RouteStatus } from '@leasehold/core';

/** What a refused agent is told: what happened, and who does what next. */
export const refusedTexts = {
  metadata: 'Cloud metadata services are never reached through Leasehold. Set AWS_EC2_METADATA_DISABLED=true, or give the SDK a base URL.',
  noRoute: (host: string, port: number): string =>
    `No credential lent to this agent is bound to ${host}:${port}. An operator allows it with: leasehold grant add --agent AGENT --credential NAME`,
  noGrant: (name: string): string =>
    `This agent has no grant for "${name}". An operator allows it with: leasehold grant add --agent AGENT --credential ${name}`,
  patternsOnly: 'This credential is bound to host patterns only, so its base URL names no host. Use the proxy with the full URL.',
  ambiguous:
    'Several credentials fit this request equally well. Use the base URL of the one that is meant, or give their destinations different paths.',
  path: 'This path is not among those that the credential or its grant allows. An operator changes them with: leasehold grant add --path PREFIX',
  method: (method: string): string =>
    `${method} is not among the methods that the credential or its grant allows. An operator changes them with: leasehold grant add --method ${method}`,
} as const;

export const refusedStatus: Readonly<Record<Exclude<RouteStatus, 'active'>, string>> = {
  credential_suspended: 'The credential is suspended. An operator resumes it with: leasehold credential resume NAME',
  agent_suspended: 'This agent is suspended. An operator resumes it with: leasehold agent resume NAME',
  tenant_suspended: 'This tenant is suspended. Ask its operator.',
  grant_expired: 'The grant has run out. An operator renews it with: leasehold grant add --agent AGENT --credential NAME --not-after TIME',
};
