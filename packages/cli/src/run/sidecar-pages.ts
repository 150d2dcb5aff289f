import { type AgentVariable, AppError, isErrorCode } from '@leasehold/core';

/** What a sidecar shows of itself on its ops port. */
export interface SidecarPages {
  /**
   * The variables of its agent, once it can serve it. Throws its own AppError when it never will, and `broker_unreachable` with the reason when it
   * does not come about in time.
   */
  ready(ended: AbortSignal): Promise<readonly AgentVariable[]>;
  /** What was called through it so far, and who did not take its certificate; needs --tally-hosts. */
  seenCalls(): Promise<SeenCalls>;
}

export interface SeenCalls {
  readonly hosts: readonly { readonly authority: string; readonly requests: number; readonly outcomes: Readonly<Record<string, number>> }[];
  readonly rejections: readonly { readonly host: string; readonly count: number }[];
}

const patienceMs = 10_000;
const betweenMs = 25;
/** What waiting does not change. */
const hopeless: ReadonlySet<string> = new Set(['identity_missing', 'identity_invalid', 'agent_suspended', 'tenant_suspended']);

export function createSidecarPages(origin: string): SidecarPages {
  return {
    seenCalls: async () => {
      const never = new AbortController().signal;
      const { hosts } = fieldsOf(await read(`${origin}/hosts`, never));
      const { rejections } = fieldsOf(await read(`${origin}/tls-rejections`, never));
      return { hosts: itemsOf(hosts).map(readHost), rejections: itemsOf(rejections).map(readRejection) };
    },
    ready: async (ended) => {
      const deadline = performance.now() + patienceMs;
      for (;;) {
        const { trouble, variables } = readEnvironment(await read(`${origin}/environment`, ended));
        if (trouble === undefined) return variables;
        if (hopeless.has(trouble.code)) throw trouble;
        if (performance.now() > deadline)
          throw new AppError('broker_unreachable', `The sidecar did not get into step with the broker. ${trouble.message}`, {
            cause: trouble,
          });
        await new Promise((resolve) => setTimeout(resolve, betweenMs));
        ended.throwIfAborted();
      }
    },
  };
}

async function read(url: string, signal: AbortSignal): Promise<unknown> {
  const answer = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]) }).catch((cause: unknown) => {
    throw new AppError('internal', 'The sidecar does not answer on its ops port. Keep its log with --log-file FILE, and look there.', {
      cause,
    });
  });
  if (!answer.ok) throw new AppError('internal', `The sidecar answered ${answer.status} on its ops port.`);
  return answer.json();
}

function readEnvironment(page: unknown): { readonly trouble: AppError | undefined; readonly variables: readonly AgentVariable[] } {
  const { trouble, variables } = fieldsOf(page);
  const { code, message } = fieldsOf(trouble);
  return {
    trouble:
      trouble === null
        ? undefined
        : new AppError(typeof code === 'string' && isErrorCode(code) ? code : 'internal', typeof message === 'string' ? message : ''),
    variables: itemsOf(variables).map(readVariable),
  };
}

function readVariable(item: unknown): AgentVariable {
  const { credential, name, value, isBaseUrl } = fieldsOf(item);
  return { credential: String(credential), name: String(name), value: String(value), isBaseUrl: isBaseUrl === true };
}

function readHost(item: unknown): SeenCalls['hosts'][number] {
  const { authority, requests, outcomes } = fieldsOf(item);
  const counts = Object.entries(fieldsOf(outcomes)).map(([outcome, count]) => [outcome, Number(count)]);
  return { authority: String(authority), requests: Number(requests), outcomes: Object.fromEntries(counts) };
}

function readRejection(item: unknown): SeenCalls['rejections'][number] {
  const { host, count } = fieldsOf(item);
  return { host: String(host), count: Number(count) };
}

function itemsOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
