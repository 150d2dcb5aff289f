import type { Machine, VirtualTime } from './virtual-time.ts';

/** One direction of a connection: what goes in comes out in order, when the network likes. */
export interface Pipe<T> {
  /** False when its buffers are full: nothing was taken. */
  send(message: T): boolean;
  /** Keeps everything that is in it, and everything that comes, in buffers on the way. */
  hold(): void;
  /** Lets through so much of what is held. */
  drip(count: number): void;
  release(): void;
  /** What is in it never arrives. */
  cut(): void;
}

export interface PipeOptions<T> {
  readonly time: VirtualTime;
  readonly to: Machine;
  readonly delayMs: () => number;
  readonly isHeld: boolean;
  readonly receive: (message: T) => void;
}

/** As many as a sender may have written ahead of a reader that does not read. */
const room = 48;

export function createPipe<T>({ time, to, delayMs, isHeld: beginsHeld, receive }: PipeOptions<T>): Pipe<T> {
  let queue: { readonly message: T; readonly readyAt: number }[] = [];
  let isHeld = beginsHeld;
  let allowance = 0;
  let isMoving = false;
  let isCut = false;

  function move(): void {
    const head = queue[0];
    if (isMoving || isCut || head === undefined || (isHeld && allowance === 0)) return;
    isMoving = true;
    to.after(Math.max(0, head.readyAt - time.now), () => {
      isMoving = false;
      if (isCut || (isHeld && allowance === 0)) return;
      if (isHeld) allowance -= 1;
      queue.shift();
      move();
      receive(head.message);
    });
  }

  return {
    send(message) {
      if (isCut) return true;
      if (queue.length >= room) return false;
      const before = queue.at(-1)?.readyAt ?? 0;
      queue.push({ message, readyAt: Math.max(before, time.now + delayMs()) });
      move();
      return true;
    },
    hold() {
      isHeld = true;
      allowance = 0;
    },
    drip(count) {
      allowance += count;
      move();
    },
    release() {
      isHeld = false;
      move();
    },
    cut() {
      isCut = true;
      queue = [];
    },
  };
}
