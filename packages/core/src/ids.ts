const prefixes = { tenant: 'ten', agent: 'agt', credential: 'crd', grant: 'grt', lease: 'lse', dek: 'dek', operator: 'opr' } as const;

export type IdKind = keyof typeof prefixes;

const bytesOfId = 16;

/** An id such as `crd_0f3a…`: the kind, and 128 random bits as lower-case hex. Unguessable, but no secret. */
export function makeId(kind: IdKind, random: Uint8Array): string {
  if (random.byteLength !== bytesOfId) throw new Error(`an id takes ${bytesOfId} random bytes`);
  let hex = '';
  for (const byte of random) hex += byte.toString(16).padStart(2, '0');
  return `${prefixes[kind]}_${hex}`;
}

export function isId(kind: IdKind, text: string): boolean {
  return text.startsWith(`${prefixes[kind]}_`) && /^[a-z]{3}_[0-9a-f]{32}$/.test(text);
}

/** Names that operators give: they stand in URLs, so they need no escaping. No name looks like an id. */
export function isName(text: string): boolean {
  return /^[a-z0-9][a-z0-9-]{0,62}$/.test(text);
}
