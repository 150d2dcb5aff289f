import { AppError, type ErrorCode } from '@leasehold/core';

/** What a request was refused for, as a value. */
export interface Refused {
  readonly kind: 'refused';
  readonly code: ErrorCode;
  /** What happened, and who does what next. */
  readonly message: string;
  /** `https://host:port`, where it is known which. */
  readonly destination: string | undefined;
  /** The operator's command that would allow it, where there is one. */
  readonly hint: string | undefined;
}

/** Whom and what a refusal is about, as far as the agent may know: no name of a credential that it has no grant on, unless its tenant says so. */
export interface About {
  readonly agent: string | undefined;
  readonly credential?: string | undefined;
  readonly destination?: string | undefined;
}

interface NextStep {
  readonly what: string;
  readonly who: string;
  readonly command: (agent: string, credential: string) => string;
}

const grant = (agent: string, credential: string): string => `leasehold grant add --agent ${agent} --credential ${credential}`;

/** Refusals that an operator can do something about. */
export type TaughtCode =
  | 'no_route'
  | 'no_grant'
  | 'grant_expired'
  | 'credential_suspended'
  | 'agent_suspended'
  | 'tenant_suspended'
  | 'lease_revoked'
  | 'path_not_allowed'
  | 'method_not_allowed';

const nextSteps: Readonly<Record<TaughtCode, NextStep>> = {
  no_route: { what: 'No credential lent to this agent is bound to this destination.', who: 'An operator allows it with', command: grant },
  no_grant: { what: 'This agent has no grant for this credential.', who: 'An operator allows it with', command: grant },
  grant_expired: {
    what: 'The grant has run out.',
    who: 'An operator renews it with',
    command: (agent, credential) => `${grant(agent, credential)} --not-after TIME`,
  },
  credential_suspended: {
    what: 'The credential is suspended.',
    who: 'An operator resumes it with',
    command: (_, credential) => `leasehold credential resume ${credential}`,
  },
  agent_suspended: {
    what: 'This agent is suspended.',
    who: 'An operator resumes it with',
    command: (agent) => `leasehold agent resume ${agent}`,
  },
  tenant_suspended: {
    what: 'This tenant is suspended.',
    who: 'An operator resumes it with',
    command: () => 'leasehold tenant resume NAME',
  },
  lease_revoked: {
    what: 'The lease behind this request was revoked.',
    who: 'An operator looks what happened with',
    command: () => 'leasehold audit tail',
  },
  path_not_allowed: {
    what: 'This path is not among those that the grant allows.',
    who: 'An operator sets them, each that is to be allowed, with',
    command: (agent, credential) => `${grant(agent, credential)} --path PREFIX`,
  },
  method_not_allowed: {
    what: 'This method is not among those that the grant allows.',
    who: 'An operator sets them, each that is to be allowed, with',
    command: (agent, credential) => `${grant(agent, credential)} --method METHOD`,
  },
};

/** The credential's own limits, which no grant widens. */
const boundElsewhere = (what: string): NextStep => ({
  what,
  who: 'An operator sees what it is bound to with',
  command: (_, credential) => `leasehold credential show ${credential}`,
});
const boundSteps: Readonly<Record<'path_not_allowed' | 'method_not_allowed', NextStep>> = {
  path_not_allowed: boundElsewhere('This path is not among those that the credential is bound to.'),
  method_not_allowed: boundElsewhere('This method is not among those that the credential is bound to.'),
};

/** A refusal whose next step hangs on its code alone. */
export function refused(code: TaughtCode, about: About): Refused {
  return withStep(code, about, nextSteps[code]);
}

export function refusedByBinding(code: 'path_not_allowed' | 'method_not_allowed', about: About): Refused {
  return withStep(code, about, boundSteps[code]);
}

function withStep(code: ErrorCode, about: About, { what, who, command }: NextStep): Refused {
  const hint = command(about.agent ?? 'AGENT', about.credential ?? 'NAME');
  return { kind: 'refused', code, message: `${what} ${who}: ${hint}`, destination: about.destination, hint };
}

/** A refusal that nobody but the agent's own people can do something about, or that says itself what to do. */
export function refusedPlainly(code: ErrorCode, message: string, destination?: string): Refused {
  return { kind: 'refused', code, message, destination, hint: undefined };
}

export function toError(refusal: Refused): AppError {
  return new AppError(refusal.code, refusal.message, refusal);
}

/** An error that came from elsewhere, such as the broker's denial, in the words for this agent and this destination. */
export function taught(error: AppError, about: About): AppError {
  const { code, cause, retryAfterS } = error;
  if (isTaught(code)) {
    const { message, destination, hint } = refused(code, about);
    // Why a lease was revoked is known where it was.
    return new AppError(code, code === 'lease_revoked' ? error.message : message, { cause, retryAfterS, destination, hint });
  }
  if (!namesDestination(code)) return error;
  return new AppError(code, error.message, { cause, retryAfterS, destination: about.destination, hint: tokenHint(code, about) });
}

/** Refusals that say themselves what to do. */
function namesDestination(code: ErrorCode): code is 'address_forbidden' | 'identity_missing' | 'identity_invalid' {
  return code === 'address_forbidden' || code === 'identity_missing' || code === 'identity_invalid';
}

function tokenHint(code: 'address_forbidden' | 'identity_missing' | 'identity_invalid', { agent = 'AGENT' }: About): string | undefined {
  if (code === 'address_forbidden') return undefined;
  return `leasehold agent ${code === 'identity_missing' ? 'add' : 'rotate-token'} ${agent} --token-file FILE`;
}

function isTaught(code: ErrorCode): code is TaughtCode {
  return code in nextSteps;
}

/** What says by itself what to do next. */
export const refusedTexts: Readonly<
  Record<'metadata' | 'broker' | 'blindPort' | 'method' | 'patternsOnly' | 'ambiguous' | 'misplaced' | 'several', string>
> = {
  metadata: 'Cloud metadata services are never reached through Leasehold. Set AWS_EC2_METADATA_DISABLED=true, or give the SDK a base URL.',
  broker: 'The broker is not reached through the proxy of an agent. Operators reach it directly.',
  blindPort: 'To hosts that no credential is bound to, tunnels go to ports 80 and 443 alone. Use one of these, or ask for a credential.',
  method: 'This method is never forwarded. Use another one.',
  patternsOnly: 'This credential is bound to host patterns only, so its base URL names no host. Use the proxy with the full URL.',
  ambiguous:
    'Several credentials fit this request equally well. Send the placeholder of the one that is meant, use its base URL, or give their destinations different paths.',
  misplaced:
    'This request holds the placeholder of a credential that is not bound to its destination. Check the URL, or send the placeholder that belongs there.',
  several: 'This request holds placeholders of several credentials, and only one goes out with a request. Send the one that is meant.',
};
