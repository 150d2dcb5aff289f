import { AppError, type ErrorCode } from '@leasehold/core';
import type { Logger } from '@leasehold/runtime';
import type { SidecarMetrics } from './adapters/metrics/sidecar-metrics.ts';
import type { FollowerEvent } from './app/follower-events.ts';
import type { OnLeaseEvent } from './app/lease-events.ts';
import type { UseReportEvent } from './app/use-log.ts';

/** What happens inside, as metrics and log lines of safe fields. */
export function observeLeases(metrics: SidecarMetrics, log: Logger): OnLeaseEvent {
  return (event) => {
    switch (event.kind) {
      case 'issued':
        metrics.leaseIssued(event.tookMs);
        log.debug({ credentialId: event.credentialId, tookMs: event.tookMs }, 'lease issued');
        return;
      case 'acquire_failed':
        metrics.leaseDenied(event.code);
        log.info({ credentialId: event.credentialId, code: event.code }, 'lease not issued');
        return;
      case 'renewed':
        metrics.leaseRenewed();
        return;
      case 'renew_failed':
        log.info({ credentialId: event.credentialId, code: event.code }, 'lease not renewed');
        return;
      case 'discarded':
        metrics.leaseEnded('discarded');
        log.info({ credentialId: event.credentialId, flaw: event.flaw }, 'late lease thrown away');
        return;
      case 'ended':
        metrics.leaseEnded(event.how);
        log.debug({ credentialId: event.credentialId, how: event.how }, 'lease ended');
        return;
      case 'cut':
        metrics.cut(event.code);
        return;
      case 'cut_failed':
        log.error({ err: event.cause }, 'cutting failed');
    }
  };
}

export function observeFollower(metrics: SidecarMetrics, log: Logger): (event: FollowerEvent) => void {
  /** Said once: the stream is tried again each few seconds, and what the broker says may stay the same for days. */
  let said: string | undefined;
  return (event) => {
    switch (event.kind) {
      case 'connected':
        said = undefined;
        log.info({ isResumed: event.isResumed }, 'following the revocation log');
        return;
      case 'disconnected':
        said = logEnd(log, event.why, said);
        return;
      case 'reset':
        metrics.reset();
        log.info({ why: event.why }, 'reset by the broker: everything wiped');
        return;
      case 'purged':
        metrics.revocationApplied(event.scope);
        log.info({ scope: event.scope }, 'revocation applied');
        return;
      case 'failed':
        log.error({ err: event.cause }, 'following failed');
    }
  };
}

export function observeUseReports(log: Logger): (event: UseReportEvent) => void {
  return (event) => {
    if (event.kind === 'report_failed') log.info({ code: event.why.code }, 'use report waits for the broker');
    if (event.kind === 'report_lost') log.warn({ code: event.why.code, requests: event.requests }, 'use report refused by the broker');
  };
}

/** Returns what stands in the log now. An answer of the broker needs no stack; one about who we are needs somebody. */
function logEnd(log: Logger, why: unknown, said: string | undefined): string {
  const text = 'revocation stream ended';
  if (typeof why === 'string') log.info({ why }, text);
  else if (!(why instanceof AppError)) log.info({ err: why }, text);
  else if (why.code === said) log.debug({ code: why.code }, text);
  else log[identityProblems.has(why.code) ? 'warn' : 'info']({ code: why.code, why: why.message }, text);
  return why instanceof AppError ? why.code : '';
}

const identityProblems: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['identity_missing', 'identity_invalid']);
