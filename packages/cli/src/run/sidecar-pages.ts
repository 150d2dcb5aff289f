import { type AgentVariable, AppError, isErrorCode } from '@leasehold/core';

/** What a sidecar shows of itself on its ops port. */
export interface SidecarPages {
  /**
   * The variables of its agent, once it can serve it. Throws its own AppError when it never will, and `broker_unreachable` with the reason when it
   * does not come about in time.
   */
  ready(ended: AbortSignal): Promise<readonly AgentVariable[]>;
}

const patienceMs = 10_000;
const betweenMs = 25;
/** What waiting does not change. */
const hopeless: ReadonlySet<string> = new Set(['identity_missing', 'identity_invalid', 'agent_suspended', 'tenant_suspended']);

export function createSidecarPages(origin: string): SidecarPages {
  return {
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
  const answer = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]) });
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
    variables: Array.isArray(variables) ? variables.map(readVariable) : [],
  };
}

function readVariable(item: unknown): AgentVariable {
  const { credential, name, value, isBaseUrl } = fieldsOf(item);
  return { credential: String(credential), name: String(name), value: String(value), isBaseUrl: isBaseUrl === true };
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
