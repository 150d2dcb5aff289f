import type { Socket } from 'node:net';
import { responseOn } from './response-on.ts';

/**
 * Hands a connection over for what is no HTTP any more. Node says `upgrade` and `connect` as soon as they are read, and answers to the requests
 * before may still be on it, one behind the other: those that have ended are waited for, and an agent that did not wait for its answer is cut off,
 * since what is written now would come before it.
 */
export function afterAnswers(socket: Socket, then: () => void): void {
  const inProgress = responseOn(socket);
  if (inProgress === undefined) then();
  else if (!inProgress.writableEnded) socket.destroy();
  else
    inProgress.once('finish', () => {
      // Node's server believes that the connection is idle now, unless it has put the next answer on it.
      socket.setTimeout(0);
      afterAnswers(socket, then);
    });
}
