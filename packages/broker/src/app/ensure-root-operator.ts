import { makeId } from '@leasehold/core';
import type { Operator } from '../domain/operator.ts';
import type { Store } from '../ports/store.ts';
import type { TokenFile } from '../ports/token-file.ts';

export interface RootOperatorDeps {
  readonly store: Pick<Store, 'ledger' | 'directory'>;
  readonly file: TokenFile;
  readonly mintToken: (kind: 'operator') => { readonly token: string };
  readonly hashToken: (token: string) => Uint8Array;
  readonly randomBytes: (count: number) => Uint8Array;
}

/**
 * The operator of all tenants, whose token lies in a file: made at the first start. The file comes first and the row second, so that
 * a crash in between is healed by the next start. There is one: with a token that was not known before, the one before it is good for nothing
 * any more, so whoever takes the file away and starts the broker has rotated it.
 */
export async function ensureRootOperator({ store, file, mintToken, hashToken, randomBytes }: RootOperatorDeps): Promise<void> {
  let token = await file.read();
  if (token === undefined) {
    ({ token } = mintToken('operator'));
    await file.create(token);
  }
  const tokenHash = hashToken(token);
  if ((await store.directory.operatorByTokenHash(tokenHash)) !== undefined) return;
  await store.ledger.commit({ tenant: undefined, lock: 'update' }, (_, now) => {
    const row: Operator = { id: makeId('operator', randomBytes(16)), name: 'root', tenantId: undefined, tokenHash, createdAt: now };
    return {
      changes: [
        { put: 'operator', row },
        { drop: 'root-operators', besides: row.id },
      ],
      revocations: [],
      audit: [],
      result: undefined,
    };
  });
}
