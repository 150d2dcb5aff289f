/** What the walk tells of each HTTP/2 frame, as soon as its head is there (RFC 9113 section 4.1). */
export type FrameSeen = (type: number, flags: number, streamId: number) => void;

export const frameTypes = { data: 0x0, headers: 0x1 } as const;
export const endStreamFlag = 0x1;

const headLength = 9;

/** Walks along the frames of one direction of an HTTP/2 connection. `prefaceLength`: what comes before the first one. What `seen` throws goes through. */
export function createFrameWalk(prefaceLength: number, seen: FrameSeen): (chunk: Buffer) => void {
  const head = Buffer.alloc(headLength);
  let filled = 0;
  let skip = prefaceLength;

  return (chunk) => {
    let at = 0;
    while (at < chunk.length) {
      const skipped = Math.min(skip, chunk.length - at);
      skip -= skipped;
      at += skipped;
      const copied = chunk.copy(head, filled, at, at + headLength - filled);
      filled += copied;
      at += copied;
      if (filled < headLength) continue;
      filled = 0;
      skip = head.readUIntBE(0, 3);
      seen(head[3] ?? 0, head[4] ?? 0, head.readUInt32BE(5) & 0x7fff_ffff);
    }
  };
}
