import type { HttpBindings } from '@hono/node-server';
import type { RevocationResource } from '@leasehold/contract/admin';
import { AppError } from '@leasehold/core';
import type { Context, Hono } from 'hono';
import type { Operator } from '../../domain/operator.ts';
import type { Page } from '../../ports/store.ts';
import type { Changed } from '../../ports/use-cases.ts';
import { toPage } from './inputs.ts';
import { toRevocationResource } from './resources.ts';

/** What every route takes out of its request, and puts around its answer. */

export type Env = { Bindings: HttpBindings; Variables: { operator: Operator; requestId: string } };
export type Ctx = Context<Env>;
export type App = Hono<Env>;

export const operator = (c: Ctx): Operator => c.get('operator');
export const tenant = (c: Ctx): string => c.req.param('tenant') ?? '';
export const named = (c: Ctx): string => c.req.param('name') ?? '';
export const page = (c: Ctx): Page => toPage((name) => c.req.query(name));

export async function jsonBody(c: Ctx): Promise<unknown> {
  try {
    return await c.req.json();
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw new AppError('invalid_argument', 'The body is not valid JSON.');
  }
}

export function listed<T, R>(
  { items, next }: { readonly items: readonly T[]; readonly next: string | undefined },
  convert: (item: T) => R,
): { items: R[]; next: string | null } {
  return { items: items.map(convert), next: next ?? null };
}

export function changed<T, R>({ row, revocation }: Changed<T>, convert: (row: T) => R): { item: R; revocation: RevocationResource | null } {
  return { item: convert(row), revocation: toRevocationResource(revocation) };
}

/** The verbs that agents and credentials share. */
export function forEachVerb(add: (method: 'POST' | 'DELETE', path: string, status: 'active' | 'suspended' | 'deleted') => void): void {
  add('POST', '/suspend', 'suspended');
  add('POST', '/resume', 'active');
  add('DELETE', '', 'deleted');
}
