import fc, { type Scheduler } from 'fast-check';
import { expect, test } from 'vitest';
import { createStage, createTestSink, type Joined, type Stage, told } from './stage.suite.ts';

/** The rules of bound.pml's broker side, checked on what each stream was told, whatever the order in which reads, commits and turns happen. */

type Step =
  | { readonly do: 'commit' | 'notify' | 'join' | 'touch' | 'turn' }
  | { readonly do: 'resume'; readonly behind: number }
  | { readonly do: 'ping' | 'leave' | 'apply'; readonly who: number }
  | { readonly do: 'slow'; readonly who: number; readonly room: number };

const who = fc.nat({ max: 4 });
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant('turn') }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('commit', 'notify') }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('ping'), who }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('join', 'touch') }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('resume'), behind: fc.nat({ max: 3 }) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('leave', 'apply'), who }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('slow'), who, room: fc.nat({ max: 3 }) }) },
  ),
  { minLength: 10, maxLength: 60 },
);

interface Stream extends Joined {
  /** By ping: the head that was committed before it arrived. */
  readonly pings: Map<number, number>;
  isGone: boolean;
  isSlow: boolean;
}

/** Lets everything run that is ready, without opening what the scheduler holds. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

async function play(
  scheduler: Scheduler,
  script: readonly Step[],
): Promise<{ readonly stage: Stage; readonly streams: readonly Stream[] }> {
  const hold = () => scheduler.schedule(Promise.resolve());
  const stage = createStage({ breathe: hold, pollMs: 1_000_000, maxReplay: 100 });
  stage.log.before = hold;
  const streams: Stream[] = [];
  const join = (start?: Parameters<Stage['join']>[1]) =>
    streams.push({
      ...stage.join({ agentId: `a${streams.length % 2}` }, start, createTestSink()),
      pings: new Map(),
      isGone: false,
      isSlow: false,
    });
  let pingId = 0;
  join();
  for (const step of script) {
    const stream = 'who' in step ? streams[step.who] : undefined;
    if (step.do === 'commit') stage.log.commit();
    if (step.do === 'notify') stage.notify();
    if (step.do === 'touch') stage.log.touch('a1');
    if (step.do === 'join') join();
    if (step.do === 'resume') join({ epoch: 'e1', seq: Math.max(0, stage.log.head().seq - step.behind) });
    if (step.do === 'turn' && scheduler.count() > 0) await scheduler.waitOne();
    if (stream !== undefined && !stream.isGone) {
      if (step.do === 'ping') {
        pingId++;
        stream.pings.set(pingId, stage.log.head().seq);
        stream.ping(pingId);
      }
      if (step.do === 'leave') {
        stream.isGone = true;
        stream.leave();
      }
      if (step.do === 'apply' && stream.sink.sent.length > 0) stream.applied(lastSeq(stream));
      if (step.do === 'slow') {
        stream.isSlow = true;
        stream.sink.room = step.room;
      }
    }
    await turn();
  }
  stage.notify();
  for (let idle = 0; idle < 3; idle++) {
    await turn();
    while (scheduler.count() > 0) {
      idle = 0;
      await scheduler.waitOne();
      await turn();
    }
  }
  return { stage, streams };
}

function lastSeq({ sink }: Stream): number {
  return sink.sent.reduce((seq, message) => {
    if (message.kind === 'hello') return message.cursorSeq;
    return message.kind === 'revoked' ? message.event.seq : seq;
  }, 0);
}

function check(stream: Stream): void {
  let seq: number | undefined;
  let hasRoutes = false;
  const answered = new Set<number>();
  for (const message of stream.sink.sent) {
    if (message.kind === 'hello') {
      expect(seq, 'hello comes once and first').toBeUndefined();
      seq = message.cursorSeq;
      continue;
    }
    if (seq === undefined) throw new Error(`${message.kind} came before hello`);
    if (message.kind === 'routes') hasRoutes = true;
    if (message.kind === 'revoked') {
      expect(message.event.seq, 'events are gap-free and in order').toBe(seq + 1);
      seq = message.event.seq;
    }
    if (message.kind === 'pong') {
      expect(hasRoutes, 'routes come before the first pong').toBe(true);
      expect(message.headSeq, 'every event up to the head went before its pong').toBeLessThanOrEqual(seq);
      expect(message.headSeq, 'the head holds all that was committed before the ping').toBeGreaterThanOrEqual(
        stream.pings.get(message.id) ?? Number.POSITIVE_INFINITY,
      );
      expect(answered.has(message.id), 'a ping is answered once').toBe(false);
      answered.add(message.id);
    }
  }
}

test('in any interleaving events are gap-free, and a pong proves what was committed before its ping', async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), steps, async (scheduler, script) => {
      const { stage, streams } = await play(scheduler, script);
      try {
        for (const stream of streams) {
          check(stream);
          if (stream.isGone || stream.isSlow) continue;
          // Whoever reads is told everything in the end, and is never cut off.
          expect(stream.sink.how, told(stream.sink)).toBeUndefined();
          expect(lastSeq(stream)).toBe(stage.log.head().seq);
          const pongs = stream.sink.sent.filter(({ kind }) => kind === 'pong');
          expect(pongs).toHaveLength(stream.pings.size);
        }
      } finally {
        stage.close();
      }
    }),
    { numRuns: 150 },
  );
});
