import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createFrameWalk } from './frame-walk.ts';

test('every frame is told once, in order, whatever its length and however the bytes arrive', () => {
  const frame = fc.record({
    type: fc.nat(255),
    flags: fc.nat(255),
    streamId: fc.nat(0x7fff_ffff),
    length: fc.nat(400),
    reserved: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(frame), fc.nat(30), fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }), (frames, preface, cuts) => {
      const bytes = Buffer.concat([
        Buffer.alloc(preface, 1),
        ...frames.flatMap(({ type, flags, streamId, length, reserved }) => {
          const head = Buffer.alloc(9);
          head.writeUIntBE(length, 0, 3);
          head[3] = type;
          head[4] = flags;
          head.writeUInt32BE(streamId + (reserved ? 0x8000_0000 : 0), 5);
          return [head, Buffer.alloc(length, 1)];
        }),
      ]);
      const seen: unknown[] = [];
      const walk = createFrameWalk(preface, (type, flags, streamId) => seen.push({ type, flags, streamId }));
      for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
        const length = cuts[turn % cuts.length] ?? 1;
        walk(bytes.subarray(at, at + length));
        at += length;
      }
      expect(seen).toEqual(frames.map(({ type, flags, streamId }) => ({ type, flags, streamId })));
    }),
  );
});
