import type { Operator } from './operator.ts';
import type { Fault, Round } from './schedule.ts';
import type { Stage, StagedSidecar } from './stage.ts';
import type { Traffic } from './traffic.ts';

export interface PlayedRound {
  readonly fault: string;
  /** From the healing until every agent's calls succeeded. */
  readonly recoveredMs: number;
}

export interface PlayOptions {
  readonly stage: Stage;
  /** In the order of the sidecars. */
  readonly traffics: readonly Traffic[];
  readonly operator: Operator;
  readonly mortal: readonly string[];
  readonly schedule: Iterator<Round, never>;
  readonly random: () => number;
  readonly untilMs: number;
  /** A recovery that takes longer is a failure. */
  readonly recoveryMs: number;
}

/** Plays one round after the other; each ends when everybody is served again. */
export async function play(options: PlayOptions): Promise<readonly PlayedRound[]> {
  const { stage, traffics, operator, mortal, schedule, random, untilMs } = options;
  const played: PlayedRound[] = [];
  while (performance.now() < untilMs) {
    const round = schedule.next().value;
    const index = Math.floor(round.whom * stage.sidecars.length);
    const sidecar = stage.sidecars[index];
    const traffic = traffics[index];
    if (sidecar === undefined || traffic === undefined) throw new Error('no such sidecar');
    const strike = () => Promise.all([...mortal.map((each) => operator.strike(each, random)), operator.strikeAgent(sidecar.agent, random)]);

    // A strike before the fault: its event may be on its way when everything stops.
    const early = round.strikeAfterMs < 0 ? strike() : undefined;
    if (early !== undefined) await pause(-round.strikeAfterMs);
    const heal = await begin(round.fault, stage, sidecar, traffic);
    await pause(Math.max(0, round.strikeAfterMs));
    const struck = early ?? strike();
    await pause(Math.max(0, round.holdMs - Math.max(0, round.strikeAfterMs)));
    await heal();
    const healedAt = performance.now();
    const back = healthy(traffics, options.recoveryMs).then(() => performance.now() - healedAt);
    // Another strike while everybody comes back.
    const again = operator.strike(mortal[Math.floor(random() * mortal.length)] ?? '', random);
    try {
      const [recoveredMs] = await Promise.all([back, struck, again]);
      played.push({ fault: nameOf(round), recoveredMs });
    } catch (cause) {
      throw new Error(`in round ${played.length + 1}, ${nameOf(round)}`, { cause });
    }
  }
  return played;
}

/** Resolves when each agent has got an answer to a call that was sent from now on. */
export async function healthy(traffics: readonly Traffic[], withinMs: number): Promise<void> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new Error(`not everybody was served again within ${withinMs} ms: ${resultsOf(traffics)}`)),
    withinMs,
  );
  try {
    await Promise.race([Promise.all(traffics.map((traffic) => traffic.nextSuccess())), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Resolves with what heals it. */
async function begin(fault: Fault, stage: Stage, sidecar: StagedSidecar, traffic: Traffic): Promise<() => Promise<void>> {
  switch (fault.kind) {
    case 'network': {
      const concerned = fault.isEverybody ? stage.sidecars : [sidecar];
      for (const { relay } of concerned) relay.set(fault.condition);
      return async () => {
        for (const { relay } of concerned) relay.set({ kind: 'pass' });
      };
    }
    case 'cut':
      for (const { relay } of stage.sidecars) relay.cut();
      return async () => undefined;
    case 'broker-killed':
      await stage.broker.kill();
      return () => stage.broker.restart();
    case 'broker-frozen':
      stage.broker.freeze();
      return async () => stage.broker.thaw();
    case 'sidecar-killed':
      await sidecar.kill();
      return () => sidecar.restart();
    case 'sidecar-frozen':
      // Nobody can look at a clock between the last gate and the write once it is frozen: so no request is there, and those that come
      // meanwhile wait in its socket's buffer.
      traffic.pause(true);
      await traffic.answered();
      sidecar.freeze();
      traffic.pause(false);
      return async () => sidecar.thaw();
  }
}

function nameOf({ fault, holdMs }: Round): string {
  const name =
    fault.kind === 'network' ? `${Object.values(fault.condition).join(' ')}${fault.isEverybody ? ', everybody' : ''}` : fault.kind;
  return `${name} for ${holdMs} ms`;
}

function resultsOf(traffics: readonly Traffic[]): string {
  return traffics.map(({ results }) => JSON.stringify(Object.fromEntries(results))).join(' ');
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
