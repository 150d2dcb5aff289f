import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { scrubForms } from './scrub.ts';
import { createFrameScrubber } from './scrub-frames.ts';
import { isBeginning, isControl, readFrameHead, writeFrameHead } from './websocket-frame.ts';

const value = 'sk-0123456789abcdef';
const masked = '*'.repeat(value.length);
const forms = scrubForms(value, { kind: 'header', name: 'authorization', template: 'Bearer {value}' });
const [text, binary, ping] = [1, 2, 9];

function frame(payload: string | Buffer, opcode = text, isFinal = true): Buffer {
  const bytes = Buffer.from(payload);
  return Buffer.concat([writeFrameHead(isFinal, opcode, bytes.length), bytes]);
}

/** Messages as a client puts them together; control frames by themselves, where they came. */
function messagesIn(bytes: Buffer): string[] {
  const messages: string[] = [];
  let message: string | undefined;
  for (let rest = bytes; rest.length > 0; ) {
    const head = readFrameHead(rest);
    if (head === undefined || head === 'invalid') throw new Error('no frame');
    const payload = rest.subarray(head.length, head.length + head.payloadLength).toString('latin1');
    rest = rest.subarray(head.length + head.payloadLength);
    if (isControl(head.opcode)) {
      messages.push(`control ${payload}`);
      continue;
    }
    expect(isBeginning(head.opcode)).toBe(message === undefined);
    message = (message ?? '') + payload;
    if (!head.isFinal) continue;
    messages.push(message);
    message = undefined;
  }
  return messages;
}

function scrubbed(...chunks: readonly Buffer[]): Buffer {
  const scrubber = createFrameScrubber(forms);
  return Buffer.concat(chunks.map((chunk) => scrubber.push(chunk) ?? Buffer.alloc(0)));
}

describe('INV-10: what a server sends over a WebSocket is scrubbed', () => {
  test('within one frame, which stays one frame of its length', () => {
    expect(scrubbed(frame(`key: ${value}!`))).toEqual(frame(`key: ${masked}!`));
  });

  test('across the frames of one message, with a ping between them, whose payload is scrubbed too', () => {
    const bytes = [frame(value.slice(0, 9), text, false), frame(value, ping), frame(value.slice(9), 0)];
    expect(messagesIn(scrubbed(...bytes)).toSorted()).toEqual([masked, `control ${masked}`].toSorted());
  });

  test('whatever the messages, their frames, and the way in which the bytes arrive', () => {
    const piece = fc.oneof(fc.constant(value), fc.constant(value.slice(0, 7)), fc.constant(value.slice(7)), fc.string({ maxLength: 300 }));
    const message = fc.array(piece, { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(fc.array(message, { maxLength: 5 }), fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1 }), (messages, cuts) => {
        const bytes = Buffer.concat(
          messages.flatMap((parts) =>
            parts.map((part, index) => frame(Buffer.from(part, 'latin1'), index === 0 ? binary : 0, index === parts.length - 1)),
          ),
        );
        const chunks: Buffer[] = [];
        for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
          const length = cuts[turn % cuts.length] ?? 1;
          chunks.push(bytes.subarray(at, at + length));
          at += length;
        }
        const expected = messages.map((parts) => Buffer.from(parts.join(''), 'latin1').toString('latin1').replaceAll(value, masked));
        expect(messagesIn(scrubbed(...chunks))).toEqual(expected);
      }),
    );
  });

  test('the length of a frame may be written in all three ways', () => {
    for (const length of [0, 125, 126, 65_535, 65_536]) {
      const payload = 'x'.repeat(length);
      expect(messagesIn(scrubbed(frame(payload)))).toEqual([payload]);
    }
  });
});

describe('no event waits for the next one', () => {
  test('a message that ends like the beginning of the value leaves at once', () => {
    const scrubber = createFrameScrubber(forms);
    expect(messagesIn(scrubber.push(frame('task')) ?? Buffer.alloc(0))).toEqual(['task']);
    expect(messagesIn(scrubber.push(frame(`s${value.slice(0, 5)}`)) ?? Buffer.alloc(0))).toEqual([`s${value.slice(0, 5)}`]);
  });

  test('what has come of a long frame leaves before its end', () => {
    const whole = frame('x'.repeat(100_000));
    const first = scrubbed(whole.subarray(0, 50_000));
    expect(first.length).toBeGreaterThan(49_000);
  });

  test('a ping is not held back by a message that waits for its next frame', () => {
    const scrubber = createFrameScrubber(forms);
    scrubber.push(frame(value.slice(0, 9), text, false));
    expect(scrubber.push(frame('you there?', ping))).toEqual(frame('you there?', ping));
  });
});

describe('frames that no client may accept end the connection', () => {
  test.each([
    ['a mask', Buffer.from([0x81, 0x80, 0, 0, 0, 0])],
    ['a reserved bit, as of compression', Buffer.from([0xc1, 0x00])],
    ['an opcode that nobody knows', Buffer.from([0x83, 0x00])],
    ['a ping in pieces', Buffer.from([0x09, 0x00])],
    ['a ping longer than 125 bytes', Buffer.from([0x89, 126, 0, 126])],
    ['a length past 2^53', Buffer.from([0x82, 127, 0xff, 0, 0, 0, 0, 0, 0, 0])],
    ['a continuation of nothing', frame('x', 0)],
    ['a message within a message', Buffer.concat([frame('x', text, false), frame('y', text)])],
  ])('%s', (_, bytes) => {
    expect(() => scrubbed(bytes)).toThrow(expect.objectContaining({ code: 'upstream_protocol_error' }));
  });
});
