import { join } from 'node:path';
import { AppError } from '@leasehold/core';
import { readPrivateFile } from '@leasehold/runtime';
import type { AgentTokens } from '../../ports/agent-tokens.ts';

export interface TokenDirectoryOptions {
  /** Holds `<tenant>/<agent>`, mode 0600 each. Undefined: nobody proves itself in another way. */
  readonly dir: string | undefined;
  /** For logs: which file is wrong, and how. The agent is told nothing of it. */
  readonly onUnreadable: (why: AppError) => void;
}

/** Agent tokens in files, named by tenant and agent. Names have no dots and no slashes, so that none leads out of the directory. */
export function createTokenDirectory({ dir, onUnreadable }: TokenDirectoryOptions): AgentTokens {
  return {
    async tokenOf({ tenant, agent }) {
      try {
        if (dir === undefined) throw new AppError('invalid_argument', 'There is no --agent-tokens-dir.');
        const bytes = await readPrivateFile(join(dir, tenant, agent));
        const token = bytes.toString('utf8').trim();
        bytes.fill(0);
        return token;
      } catch (thrown) {
        const why = AppError.from(thrown);
        onUnreadable(why);
        throw new AppError('identity_invalid', 'This gateway has no token of the agent that the client certificate names.', { cause: why });
      }
    },
  };
}
