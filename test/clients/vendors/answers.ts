import { timingSafeEqual } from 'node:crypto';
import { type Account, proofFor } from './account.ts';

/** The header is there once, and as it should be. `rawHeaders` is flat. */
export function carries(rawHeaders: readonly string[], { header }: Account): boolean {
  const texts = rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === header.name);
  const [text = ''] = texts;
  return texts.length === 1 && text.length === header.text.length && timingSafeEqual(Buffer.from(text), Buffer.from(header.text));
}

/** One text that serves every SDK: each reads the fields that it knows. It gives away what came in, as careless vendors do. */
export function answerOf(account: Account, headers: object): object {
  const proof = proofFor(account);
  return { object: 'list', ok: true, has_more: false, data: [{ id: proof }], proof, you_sent: headers };
}
