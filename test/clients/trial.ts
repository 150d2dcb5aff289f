import { join } from 'node:path';
import { eventually } from '../harness/lending.ts';
import type { Client, Way } from './client.ts';
import type { Fact } from './run-client.ts';
import { runClient } from './run-client.ts';
import type { Runtime } from './runtimes.ts';
import type { Stage } from './stage.ts';
import { type Account, proofFor } from './vendors/account.ts';
import type { Visit } from './vendors/guest-book.ts';

/** What one client did by one way. */
export interface Trial {
  readonly call: Fact | undefined;
  readonly refused: Fact | undefined;
  readonly over: Fact | undefined;
  readonly wasReceiving: boolean;
  /** What the vendor saw of the client. */
  readonly visits: readonly Visit[];
  /** The vendor's own end of the answer that was being streamed has been closed. */
  readonly isClosedAtVendor: boolean;
  readonly sawProof: boolean;
  readonly sawSecret: boolean;
  readonly isLate: boolean;
  /** On either stream. */
  readonly printed: string;
}

export interface TrialOptions {
  readonly client: Client;
  readonly way: Way;
  readonly runtime: Runtime;
  readonly programsDir: string;
  readonly stage: Stage;
  readonly timeoutMs: number;
}

/** A client makes its calls by this way; the credential is revoked while it reads an answer that has no end. */
export async function tryClient({ client, way, runtime, programsDir, stage, timeoutMs }: TrialOptions): Promise<Trial> {
  const loan = await stage.lend(client, way);
  const { account, book } = loan;
  const receiving = Promise.withResolvers<void>();
  let isOver = false;
  const revoked = Promise.all([book.begun, client.readsWhole === true ? undefined : receiving.promise]).then(() =>
    isOver ? undefined : loan.revoke(),
  );
  const env = { ...stage.block, ...loan.environment, GRANTED_URL: loan.grantedUrl, UNGRANTED_URL: loan.ungrantedUrl };
  const { facts, printed, files, isLate } = await runClient({
    command: runtime.command(client.program),
    cwd: programsDir,
    env,
    home: join(stage.dir, 'homes', `${client.name} ${way}`.replace(/[^A-Za-z0-9]+/g, '-')),
    timeoutMs,
    onFact: ({ step }) => {
      if (step === 'receiving') receiving.resolve();
    },
  });
  isOver = true;
  receiving.resolve();
  book.noteBegun();
  await revoked;
  const of = (step: Fact['step']) => facts.find((fact) => fact.step === step);
  return {
    call: of('call'),
    refused: of('refused'),
    over: of('over'),
    wasReceiving: client.readsWhole === true || of('receiving') !== undefined,
    visits: book.visits,
    // The vendor hears of it over its own connection, a little later.
    isClosedAtVendor: await eventually(async () => book.isClosed(), Boolean).catch(() => false),
    sawProof: printed.includes(proofFor(account)),
    sawSecret: spellingsOf(account).some((text) => [JSON.stringify(env), printed, files].some((trace) => trace.includes(text))),
    isLate,
    printed,
  };
}

/** Bare, encoded, and as the vendor was sent it. */
function spellingsOf({ value, header }: Account): readonly string[] {
  const sent = header.text.split(' ').at(-1) ?? '';
  return [value, sent, Buffer.from(value).toString('base64').replace(/=+$/, ''), Buffer.from(value).toString('hex')];
}
