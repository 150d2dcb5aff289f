import { expect, test } from 'vitest';
import { crc32c } from './crc32c.ts';

const bytes = (length: number, at: (index: number) => number) => Uint8Array.from({ length }, (_, index) => at(index));

// RFC 3720 appendix B.4 (its bytes are in transmission order), and the check value of the CRC catalogue for "123456789".
test.each([
  ['32 zeros', bytes(32, () => 0), 0x8a9136aa],
  ['32 ones', bytes(32, () => 0xff), 0x62a8ab43],
  ['32 rising', bytes(32, (index) => index), 0x46dd794e],
  ['32 falling', bytes(32, (index) => 31 - index), 0x113fdb5c],
  ['the check string', new TextEncoder().encode('123456789'), 0xe3069283],
  ['nothing', new Uint8Array(0), 0],
])('the checksum of %s is the published one', (_, input, expected) => {
  expect(crc32c(input)).toBe(expected);
});
