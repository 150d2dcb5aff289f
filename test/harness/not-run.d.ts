export interface NotRun {
    /** A test or a group of tests, as a reader would call it. */
    readonly what: string;
    /** What is missing, and how to get it. */
    readonly reason: string;
}
declare module 'vitest' {
    interface ProvidedContext {
        readonly notRunFile: string;
    }
}
/**
 * Says that something was left out because this machine lacks what it needs; the run's closing table lists it. With `LEASEHOLD_RUN_ALL=1`, which
 * `.ci/run` sets, nothing may be left out, and this throws.
 */
export declare function noteNotRun(notRun: NotRun): void;
