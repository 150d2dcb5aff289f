import { fromServiceError, fromUint64, type OpenResponse } from '@leasehold/contract/grpc';
import { AppError, type Clock, elapsedMs, type Instant } from '@leasehold/core';

/** The sidecar's proven connection to a broker. Good at any replica. */
export interface BrokerSession {
  readonly agentId: string;
  readonly agentName: string;
  /** What every call carries. */
  readonly metadata: Readonly<Record<string, string>>;
}

export interface BrokerSessions {
  /** A session that is good for a while: opened when there is none, replaced before it ends. One Open serves all who ask. */
  current(): Promise<BrokerSession>;
  /** The broker did not take it. Does nothing when it was replaced already. */
  discard(session: BrokerSession): void;
}

interface OpenedSession extends BrokerSession {
  readonly askedAt: Instant;
  readonly expiresInMs: number;
}

/** The part of a session's time after which a new one is opened. */
const renewAt = 0.8;

export interface BrokerSessionsOptions {
  readonly clock: Clock;
  readonly agentToken: () => Promise<string> | string;
  readonly instanceId: string;
  readonly instanceName: string;
  readonly open: (request: {
    readonly proof: { readonly case: 'agentToken'; readonly value: string };
    readonly instanceId: string;
    readonly instanceName: string;
  }) => Promise<OpenResponse>;
  /** The broker does not take the agent token. */
  readonly onIdentityRefused?: () => void;
}

export function createBrokerSessions(options: BrokerSessionsOptions): BrokerSessions {
  const { clock, instanceId, instanceName } = options;
  let session: OpenedSession | undefined;
  let opening: Promise<OpenedSession> | undefined;
  let identity: string | undefined;

  async function open(): Promise<OpenedSession> {
    const askedAt = clock.now();
    const value = await readToken();
    const opened = await ask(value);
    const proven = `${opened.tenantId}/${opened.agentId}`;
    // What is held was lent to one agent: under another one's session, its revocations would pass by.
    if (identity !== undefined && identity !== proven)
      throw new AppError(
        'identity_invalid',
        'The agent token belongs to another agent than before. Restart the sidecar to become that agent.',
      );
    identity = proven;
    session = {
      agentId: opened.agentId,
      agentName: opened.agentName,
      metadata: { authorization: `Bearer ${opened.sessionToken}` },
      askedAt,
      expiresInMs: fromUint64(opened.expiresInMs, 'expires_in_ms'),
    };
    return session;
  }

  async function ask(value: string): Promise<OpenResponse> {
    try {
      return await options.open({ proof: { case: 'agentToken', value }, instanceId, instanceName });
    } catch (thrown) {
      const why = fromServiceError(thrown);
      if (why.code === 'identity_invalid') options.onIdentityRefused?.();
      throw why;
    }
  }

  async function readToken(): Promise<string> {
    try {
      return await options.agentToken();
    } catch (cause) {
      throw new AppError('identity_missing', 'The agent token can not be read. Check the file that it is kept in.', { cause });
    }
  }

  function isGood(until: number): boolean {
    return session !== undefined && elapsedMs(session.askedAt, clock.now()) < session.expiresInMs * until;
  }

  return {
    async current() {
      if (session !== undefined && isGood(renewAt)) return session;
      opening ??= open().finally(() => {
        opening = undefined;
      });
      try {
        return await opening;
      } catch (thrown) {
        if (session !== undefined && isGood(1)) return session;
        throw fromServiceError(thrown);
      }
    },
    discard(used) {
      if (session === used) session = undefined;
    },
  };
}
