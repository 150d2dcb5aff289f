import type { Socket } from 'node:net';
import { AppError } from '@leasehold/core';
import type { AgentService, TunnelTarget, TunnelVerdict } from '../../ports/agent-service.ts';
import { passBlind } from './blind-tunnel.ts';
import { httpStatusOf } from './error-to-http.ts';

/** Connects to what no credential is bound to. An address that is not public is refused. Called back once. */
export type DialBlind = (target: TunnelTarget, connected: (error: AppError | null, socket: Socket | null) => void) => void;

export interface TunnelOpenerOptions {
  readonly dialBlind: DialBlind;
  /** How long nothing may pass through a blind tunnel, ms. */
  readonly blindIdleMs: number;
}

/** How a tunnel came in, and so how its agent is spoken to. */
export interface TunnelEntry {
  /** The tunnel is there. */
  accept(): void;
  /** Ends the connection with the reason, as far as it can be told. */
  refuse(error: AppError): void;
  /** Serves what is inside. */
  intercept(): void;
}

/** Opens a tunnel if its target may be reached, in the way that it may. */
export type OpenTunnel = (socket: Socket, target: TunnelTarget, service: AgentService, entry: TunnelEntry) => void;

export function createTunnelOpener({ dialBlind, blindIdleMs }: TunnelOpenerOptions): OpenTunnel {
  function open(socket: Socket, target: TunnelTarget, service: AgentService, entry: TunnelEntry, verdict: TunnelVerdict): void {
    if (socket.destroyed) return;
    const refuse = (error: AppError) => {
      service.recordTunnel(target, error.code, httpStatusOf[error.code]);
      entry.refuse(error);
    };
    const letGo = verdict.kind === 'refused' ? undefined : service.keep(() => socket.destroy());
    if (letGo !== undefined) socket.once('close', letGo);
    if (verdict.kind === 'refused') refuse(verdict.error);
    else if (letGo === undefined) refuse(tooMany());
    else if (verdict.kind === 'blind') openBlind(socket, target, service, entry, refuse);
    else {
      entry.accept();
      entry.intercept();
    }
  }

  function openBlind(
    socket: Socket,
    target: TunnelTarget,
    service: AgentService,
    entry: TunnelEntry,
    refuse: (error: AppError) => void,
  ): void {
    dialBlind(target, (error, upstream) => {
      if (error !== null || upstream === null) refuse(AppError.from(error));
      else if (socket.destroyed) upstream.destroy();
      else {
        entry.accept();
        passBlind(socket, upstream, blindIdleMs);
        // Not at its end: that may come with the end of this process.
        service.recordTunnel(target, 'passed_blind', 200);
      }
    });
  }

  return (socket, target, service, entry) => {
    const verdict = service.judgeTunnel(target);
    if (verdict instanceof Promise) verdict.then((late) => open(socket, target, service, entry, late));
    else open(socket, target, service, entry, verdict);
  };
}

function tooMany(): AppError {
  return new AppError('overloaded', 'This agent has as many connections open as it may. Close some, or try again later.', {
    retryAfterS: 1,
  });
}
