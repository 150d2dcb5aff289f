import { appendFileSync } from 'node:fs';
import { inject } from 'vitest';
/**
 * Says that something was left out because this machine lacks what it needs; the run's closing table lists it. With `LEASEHOLD_RUN_ALL=1`, which
 * `.ci/run` sets, nothing may be left out, and this throws.
 */
export function noteNotRun(notRun) {
    if (process.env.LEASEHOLD_RUN_ALL === '1')
        throw new Error(`${notRun.what} did not run, and LEASEHOLD_RUN_ALL=1 is set: ${notRun.reason}`);
    appendFileSync(inject('notRunFile'), `${JSON.stringify(notRun)}\n`);
}
