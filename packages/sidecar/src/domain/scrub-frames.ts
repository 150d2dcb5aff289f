import { AppError } from '@leasehold/core';
import { createScrubber, type Scrubber, type ScrubForms } from './scrub.ts';
import { continuation, type FrameHead, isBeginning, isControl, readFrameHead, writeFrameHead } from './websocket-frame.ts';

/**
 * Scrubs what a server sends over a WebSocket (INV-10), message by message: a spelling is found across the frames of one message and across however
 * the bytes arrive. No event waits for the next: what is held back within a message leaves with the message's end. Frames are written anew, one for
 * each piece that may go, which RFC 6455 section 5.4 allows where no extension was agreed on. Throws AppError `upstream_protocol_error` for frames
 * that no client may accept.
 */
export function createFrameScrubber(forms: ScrubForms): Scrubber {
  let unread: Buffer = nothing;
  let frame: FrameHead | undefined;
  /** Of the frame's payload. */
  let left = 0;
  let message: Message | undefined;

  function begin(head: FrameHead): void {
    if (head.opcode === continuation ? message === undefined : isBeginning(head.opcode) && message !== undefined) throw invalidFrames();
    if (isBeginning(head.opcode)) message = { opcode: head.opcode, scrubber: createScrubber(forms) };
    frame = head;
    left = head.payloadLength;
  }

  /** What stands for a piece of a message; the last one brings what was held back. */
  function piece(payload: Buffer, isLast: boolean, out: Buffer[]): void {
    if (message === undefined) throw invalidFrames();
    const clean = message.scrubber.push(payload) ?? nothing;
    const rest = (isLast ? message.scrubber.flush() : undefined) ?? nothing;
    const length = clean.length + rest.length;
    if (isLast || length > 0) out.push(writeFrameHead(isLast, message.opcode, length), clean, rest);
    message = isLast ? undefined : length > 0 ? { ...message, opcode: continuation } : message;
  }

  return {
    push(chunk) {
      let bytes = unread.length === 0 ? chunk : Buffer.concat([unread, chunk]);
      unread = nothing;
      const out: Buffer[] = [];
      for (;;) {
        if (frame === undefined) {
          const head = readFrameHead(bytes);
          if (head === 'invalid') throw invalidFrames();
          if (head === undefined) break;
          bytes = bytes.subarray(head.length);
          begin(head);
        }
        if (frame === undefined) break;
        // At most 125 bytes: taken whole, so that it stays one frame.
        if (isControl(frame.opcode) && bytes.length < left) break;
        const payload = bytes.subarray(0, left);
        bytes = bytes.subarray(payload.length);
        left -= payload.length;
        if (isControl(frame.opcode)) out.push(writeFrameHead(true, frame.opcode, payload.length), ...whole(payload, forms));
        else piece(payload, frame.isFinal && left === 0, out);
        if (left > 0) break;
        frame = undefined;
      }
      // A copy: what it is a part of may be large.
      unread = Buffer.from(bytes);
      return out.length === 0 ? undefined : Buffer.concat(out);
    },
    // What no message ended is no message.
    flush: () => undefined,
  };
}

interface Message {
  /** Of the next frame that is written. */
  readonly opcode: number;
  readonly scrubber: Scrubber;
}

const nothing = Buffer.alloc(0);

function whole(payload: Buffer, forms: ScrubForms): readonly Buffer[] {
  const scrubber = createScrubber(forms);
  return [scrubber.push(payload), scrubber.flush()].filter((part) => part !== undefined);
}

function invalidFrames(): AppError {
  return new AppError('upstream_protocol_error', 'The upstream sent what is no valid WebSocket frame, so the connection was ended.');
}
