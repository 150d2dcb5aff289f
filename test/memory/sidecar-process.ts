import { closeSync, openSync, writeSync } from 'node:fs';
import { Session } from 'node:inspector';
import { writeHeapSnapshot } from 'node:v8';
import { createLog, readSettings } from '@leasehold/runtime';
import { startSidecar } from '../../packages/sidecar/src/compose.ts';
import { sidecarSettings } from '../../packages/sidecar/src/settings.ts';

/**
 * The sidecar from source, in a process that can be looked into: the product itself has no such hook. `{ dump: PATH }` collects garbage, writes
 * PATH.heapsnapshot and, to PATH.buffers, all that is in buffers. What is searched for is never told to this process.
 */

const settings = readSettings(sidecarSettings, { argv: process.argv.slice(2), env: {}, envPrefix: 'LEASEHOLD_SIDECAR_' });
const log = createLog({ program: 'sidecar-under-test', version: 'test', level: 'error' });
const { proxyPort } = await startSidecar(settings, log, new AbortController().signal);
process.send?.({ proxyPort });

process.on('message', ({ dump }: { readonly dump: string }) => {
  collect().then(
    () => {
      writeBuffers(`${dump}.buffers`);
      writeHeapSnapshot(`${dump}.heapsnapshot`);
      process.send?.({ dumped: dump });
    },
    (thrown: unknown) => process.send?.({ failed: String(thrown) }),
  );
});

/** Several times, with turns of the event loop between: finalizers let go of more. */
async function collect(): Promise<void> {
  for (let round = 0; round < 5; round += 1) {
    globalThis.gc?.();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Every ArrayBuffer that is alive, the memory of WebAssembly and Node's pools of small buffers included. */
function writeBuffers(path: string): void {
  const holder: { buffers?: readonly ArrayBuffer[] } = {};
  Object.assign(globalThis, { holder });
  const session = new Session();
  session.connect();
  const ask = <T>(method: string, params: object): T => {
    let answer: { readonly result: T } | undefined;
    session.post(method, params, (error, result) => {
      if (error !== null) throw error;
      answer = { result: result as T };
    });
    if (answer === undefined) throw new Error(`${method} was not answered`);
    return answer.result;
  };
  const prototype = ask<{ result: { objectId: string } }>('Runtime.evaluate', { expression: 'ArrayBuffer.prototype' });
  const found = ask<{ objects: { objectId: string } }>('Runtime.queryObjects', { prototypeObjectId: prototype.result.objectId });
  ask('Runtime.callFunctionOn', { objectId: found.objects.objectId, functionDeclaration: 'function () { holder.buffers = this; }' });
  session.disconnect();
  const file = openSync(path, 'w', 0o600);
  for (const buffer of holder.buffers ?? []) if (buffer.byteLength > 0) writeSync(file, new Uint8Array(buffer));
  closeSync(file);
  delete holder.buffers;
}
