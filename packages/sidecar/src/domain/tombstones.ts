import type { Revocation } from '@leasehold/core';
import { type Coverable, coverage } from './coverage.ts';

/**
 * Remembers what was revoked while a question to the broker was open, so that a late answer can't bring a dead lease back (INV-3, INV-4).
 * Bounded by what is open: an event is kept only while a question is open that is older than it.
 */
export interface Tombstones {
  /** Marks the moment of asking; give the mark back with `close`, whatever comes of it. */
  open(head: { readonly epoch: string; readonly seq: number }): Question;
  close(question: Question): void;
  /** Called for every event applied. */
  bury(event: Revocation, agentId: string): void;
  /** Nothing asked until now may be believed any more. */
  reset(): void;
  /** Why an answer must be thrown away; undefined when it may be kept. */
  flaw(question: Question, answer: Answer): AnswerFlaw | undefined;
  readonly size: number;
}

export interface Question {
  readonly epoch: string;
  /** What was applied at the moment of asking. */
  readonly seq: number;
  readonly generation: number;
}

export interface Answer extends Coverable {
  readonly epoch: string;
}

export type AnswerFlaw = 'asked_before_reset' | 'other_epoch' | 'older_than_question' | 'revoked_meanwhile' | 'other_lease';

interface Tombstone {
  readonly seq: number;
  readonly covers: (lease: Coverable) => boolean;
}

export function createTombstones(options: { readonly maxEvents: number }): Tombstones {
  const questions = new Set<Question>();
  let buried: Tombstone[] = [];
  let generation = 0;
  /** Events up to here were let go to keep memory bounded: an answer older than this is thrown away unseen. */
  let floor = 0;

  function prune(): void {
    const [oldest] = questions;
    buried = oldest === undefined ? [] : buried.filter((stone) => stone.seq > oldest.seq);
    if (oldest === undefined) floor = 0;
  }

  return {
    open({ epoch, seq }) {
      const question = { epoch, seq, generation };
      questions.add(question);
      return question;
    },
    close(question) {
      questions.delete(question);
      prune();
    },
    bury(event, agentId) {
      if (questions.size === 0) return;
      if (buried.length >= options.maxEvents) {
        floor = buried.at(-1)?.seq ?? 0;
        buried = [];
      }
      buried.push({ seq: event.seq, covers: coverage(event, agentId) });
    },
    reset() {
      generation += 1;
      questions.clear();
      prune();
    },
    flaw(question, answer) {
      if (question.generation !== generation) return 'asked_before_reset';
      if (answer.epoch !== question.epoch) return 'other_epoch';
      // Whoever answers reads a log that is at least as long as what we had applied when we asked.
      if (answer.issuedAtSeq < question.seq || answer.issuedAtSeq < floor) return 'older_than_question';
      return buried.some((stone) => stone.covers(answer)) ? 'revoked_meanwhile' : undefined;
    },
    get size() {
      return buried.length;
    },
  };
}
