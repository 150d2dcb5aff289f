import {
  type ClientStream,
  fromProtoRevoked,
  fromProtoRoute,
  fromUint64,
  type WatchRequestSchema,
  type WatchResponse,
} from '@leasehold/contract/grpc';
import type { LogHead } from '@leasehold/core';
import type { WatchEvents, WatchStream } from '../../ports/broker.ts';
import type { BrokerClients } from './broker-clients.ts';
import type { BrokerSession, BrokerSessions } from './broker-session.ts';

export interface WatchCallOptions {
  readonly sessions: BrokerSessions;
  readonly clients: Pick<BrokerClients, 'leaseService' | 'watching' | 'heard'>;
  readonly isAboutIdentity: (thrown: unknown) => boolean;
}

/** One Watch stream. What it is told before the stream stands is dropped: nothing can be pinged or confirmed before hello. */
export function openWatch(options: WatchCallOptions, start: LogHead | undefined, on: WatchEvents, ended: AbortSignal): WatchStream {
  const { sessions, clients } = options;
  // Ours, so that a message we can't read ends the call, too.
  const call = new AbortController();
  let stream: ClientStream<typeof WatchRequestSchema> | undefined;
  let isOver = false;
  let applied = 0;
  let isConfirming = false;

  function over(why: unknown): void {
    if (isOver) return;
    isOver = true;
    ended.removeEventListener('abort', abort);
    call.abort();
    on.ended(why);
  }

  function abort(): void {
    over(ended.reason);
  }

  async function open(): Promise<void> {
    try {
      const session = await sessions.current();
      if (isOver) return;
      stream = clients.leaseService.watch(
        {
          message: (message) => take(message, session),
          ended: (error) => {
            if (options.isAboutIdentity(error)) sessions.discard(session);
            over(error);
          },
        },
        { metadata: session.metadata, signal: call.signal },
      );
      stream.send({ message: { case: 'start', value: { epoch: start?.epoch ?? '', seq: BigInt(start?.seq ?? 0) } } });
    } catch (thrown) {
      over(thrown);
    }
  }

  function take({ message }: WatchResponse, session: BrokerSession): void {
    if (isOver) return;
    clients.heard();
    try {
      tell(message, session, on);
    } catch (thrown) {
      over(thrown);
    }
  }

  /** One confirmation says it for all events before it: a burst of them does not fill the buffer of a slow stream. */
  function confirm(): void {
    isConfirming = false;
    if (!isOver) stream?.send({ message: { case: 'applied', value: { seq: BigInt(applied) } } });
  }

  ended.addEventListener('abort', abort, { once: true });
  clients.watching();
  // Owned by `ended`; never throws.
  void open();
  return {
    ping(id) {
      if (!isOver) stream?.send({ message: { case: 'ping', value: { id: BigInt(id) } } });
    },
    applied(seq) {
      applied = seq;
      if (isConfirming) return;
      isConfirming = true;
      setImmediate(confirm);
    },
  };
}

function tell(message: WatchResponse['message'], { agentId, agentName }: BrokerSession, on: WatchEvents): void {
  switch (message.case) {
    case 'hello': {
      const { epoch, cursorSeq, headSeq, pingIntervalMs, maxStalenessMs } = message.value;
      const seqs = { cursorSeq: fromUint64(cursorSeq, 'cursor_seq'), headSeq: fromUint64(headSeq, 'head_seq') };
      on.hello({ agentId, agentName, epoch, ...seqs, pingIntervalMs, maxStalenessMs });
      break;
    }
    case 'routes':
      on.routes(message.value.routes.map(fromProtoRoute));
      break;
    case 'revoked':
      on.revoked(fromProtoRevoked(message.value));
      break;
    case 'pong':
      on.pong(fromUint64(message.value.id, 'id'), fromUint64(message.value.headSeq, 'head_seq'));
      break;
    case 'reset':
      on.reset(message.value.why);
      break;
  }
}
