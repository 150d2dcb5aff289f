import { createHash } from 'node:crypto';

const prefixes = { agent: 'lha_', operator: 'lho_' } as const;

export type TokenKind = keyof typeof prefixes;

export interface MintedToken {
  /** Shown once. */
  readonly token: string;
  /** All that is stored. */
  readonly hash: Uint8Array;
}

/** A bearer token of 256 random bits. Its prefix lets scanners find one that leaked. */
export function mintToken(kind: TokenKind, randomBytes: (count: number) => Uint8Array): MintedToken {
  const token = prefixes[kind] + Buffer.from(randomBytes(32)).toString('base64url');
  return { token, hash: hashToken(token) };
}

/** SHA-256: 256 random bits can't be guessed, so no slow hash is needed. Equal time for any token: what is compared is its hash. */
export function hashToken(token: string): Uint8Array {
  return createHash('sha256').update(token).digest();
}

export function isToken(kind: TokenKind, text: string): boolean {
  return text.startsWith(prefixes[kind]) && /^[a-z]{3}_[A-Za-z0-9_-]{43}$/.test(text);
}
