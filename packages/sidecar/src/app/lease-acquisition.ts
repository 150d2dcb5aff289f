import { AppError, type Clock, elapsedMs, Secret } from '@leasehold/core';
import type { LeaseEntry } from '../domain/lease-entry.ts';
import { refusal } from '../domain/lease-liveness.ts';
import type { Tombstones } from '../domain/tombstones.ts';
import type { Broker } from '../ports/broker.ts';
import { expired, outOfStep, stopping, tooManyWaiting } from './lease-endings.ts';
import type { OnLeaseEvent } from './lease-events.ts';
import type { Standing } from './standing.ts';

/** Gets leases from the broker: one question per credential at a time, whose answer serves all who wait for it. */
export interface LeaseAcquisition {
  acquire(credentialId: string): Promise<LeaseEntry>;
  /** Answers that are still under way are wiped when they come. */
  close(): void;
}

/**
 * An answer that was dead when it came is asked for again: after a rotation the next one carries the new value, and when its grant ran out
 * meanwhile the broker says so.
 */
const maxAttempts = 3;

export function createLeaseAcquisition(options: {
  readonly broker: Pick<Broker, 'acquire' | 'release'>;
  readonly clock: Clock;
  readonly standing: Standing;
  readonly tombstones: Tombstones;
  readonly maxWaitersPerCredential: number;
  /**
   * How long after a failed Acquire the next one for the same credential is sent: requests meanwhile wait for it. A denial is never
   * remembered (a grant given now works now), and yet an agent that keeps asking can't flood the broker.
   */
  readonly pauseAfterFailureMs: number;
  readonly keep: (entry: LeaseEntry) => void;
  readonly onEvent: OnLeaseEvent;
}): LeaseAcquisition {
  const { clock, standing, tombstones, onEvent } = options;
  const flights = new Map<string, { waiters: number; readonly landed: Promise<LeaseEntry> }>();
  const cooling = new Map<string, Promise<void>>();
  let isClosed = false;

  async function fly(credentialId: string): Promise<LeaseEntry> {
    await cooling.get(credentialId);
    try {
      for (let attempt = 1; ; attempt += 1) {
        const answer = await ask(credentialId);
        if (!(answer instanceof AppError)) return answer;
        if (attempt === maxAttempts) throw answer;
      }
    } catch (thrown) {
      const why = AppError.from(thrown);
      onEvent({ kind: 'acquire_failed', credentialId, code: why.code });
      coolDown(credentialId);
      throw why;
    }
  }

  /** Returns, and doesn't throw, why an answer was thrown away when it makes sense to ask again. */
  async function ask(credentialId: string): Promise<LeaseEntry | AppError> {
    const { epoch, seq } = standing.cursor;
    if (epoch === undefined || !standing.isInStep(clock.now())) throw outOfStep();
    const question = tombstones.open({ epoch, seq });
    try {
      const requestedAt = clock.now();
      const { value, ...issued } = await options.broker.acquire(credentialId);
      const secret = new Secret(value);
      const entry: LeaseEntry = { ...issued, credentialId, secret, lentAt: requestedAt, requestedAt };
      const flaw = tombstones.flaw(question, entry);
      if (flaw !== undefined) {
        secret.wipe();
        giveBack(entry);
        onEvent({ kind: 'discarded', credentialId, flaw });
        if (flaw === 'revoked_meanwhile' || flaw === 'older_than_question') return outOfStep();
        throw outOfStep();
      }
      const now = clock.now();
      const refused = refusal(entry, now, standing.cursor);
      if (isClosed || refused !== undefined) {
        secret.wipe();
        giveBack(entry);
        if (isClosed) throw stopping();
        if (refused === 'lease_ended') return expired();
        throw outOfStep();
      }
      options.keep(entry);
      onEvent({ kind: 'issued', credentialId, tookMs: elapsedMs(requestedAt, now) });
      return entry;
    } finally {
      tombstones.close(question);
    }
  }

  /** Best effort: what nobody has in hand is over at its end, too. */
  function giveBack({ leaseId }: LeaseEntry): void {
    options.broker.release([leaseId]).catch(() => undefined);
  }

  function coolDown(credentialId: string): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    cooling.set(credentialId, promise);
    setTimeout(() => {
      cooling.delete(credentialId);
      resolve();
    }, options.pauseAfterFailureMs).unref();
  }

  return {
    acquire(credentialId) {
      let flight = flights.get(credentialId);
      if (flight === undefined) {
        const landed = fly(credentialId).finally(() => flights.delete(credentialId));
        flight = { waiters: 0, landed };
        flights.set(credentialId, flight);
      }
      if (flight.waiters >= options.maxWaitersPerCredential) return Promise.reject(tooManyWaiting());
      flight.waiters += 1;
      return flight.landed;
    },
    close() {
      isClosed = true;
    },
  };
}
