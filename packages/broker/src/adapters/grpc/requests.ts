import type { Metadata } from '@grpc/grpc-js';
import {
  fromUint64,
  type OpenRequest,
  type UseRecord as ProtoUseRecord,
  type ReportUseRequest,
  type Start,
} from '@leasehold/contract/grpc';
import { AppError, isErrorCode, type LogHead } from '@leasehold/core';
import type { UseBatch, UseRecord } from '../../ports/use-cases.ts';

/** What comes from sidecars, parsed: AppError `invalid_argument` names the field and what it must be. */

export interface OpenAsk {
  readonly agentToken: string;
  readonly instance: { readonly id: string; readonly name: string };
}

export function parseOpen({ proof, instanceId, instanceName }: OpenRequest): OpenAsk {
  if (proof.case !== 'agentToken' || proof.value === '')
    throw new AppError('identity_missing', 'No proof of identity was sent. Give the sidecar its agent token.');
  // An over-long token is not worth a hash; it gets the answer of any other wrong one.
  if (proof.value.length > maxToken)
    throw new AppError('identity_invalid', 'The agent token is not known. Check the token file, or rotate the token.');
  if (!/^[a-z0-9-]{16,64}$/.test(instanceId)) throw invalid('instance_id', '16 to 64 characters of a-z, 0-9 and -');
  return { agentToken: proof.value, instance: { id: instanceId, name: parseText('instance_name', instanceName, 253) } };
}

/** The session token of a call. Throws AppError `identity_missing`. */
export function bearerOf(metadata: Metadata): string {
  const [value, ...others] = metadata.get('authorization');
  const token = typeof value === 'string' ? /^Bearer (\S+)$/.exec(value)?.[1] : undefined;
  if (token === undefined || others.length > 0 || token.length > maxToken)
    throw new AppError('identity_missing', 'No session token was sent. Open a session first.');
  return token;
}

export function parseId(field: string, id: string): string {
  if (!/^[\w.:-]{1,128}$/.test(id)) throw invalid(field, '1 to 128 characters of an id');
  return id;
}

export function parseIds(field: string, ids: readonly string[]): readonly string[] {
  if (ids.length > maxBatch) throw invalid(field, `at most ${maxBatch} ids`);
  return ids.map((id) => parseId(field, id));
}

export function parseStart({ epoch, seq }: Start): LogHead | undefined {
  if (epoch === '') return undefined;
  return { epoch: parseId('start.epoch', epoch), seq: fromUint64(seq, 'start.seq') };
}

export function parseUseBatch({ batchSeq, dropped, records }: ReportUseRequest): UseBatch {
  if (records.length > maxBatch) throw invalid('records', `at most ${maxBatch}`);
  return { batchSeq: fromUint64(batchSeq, 'batch_seq'), dropped: fromUint64(dropped, 'dropped'), records: records.map(parseUse) };
}

const maxToken = 2_048;
const maxBatch = 1_000;

function parseUse(record: ProtoUseRecord): UseRecord {
  const { credentialId, leaseId, outcome, httpStatus } = record;
  if (outcome !== 'forwarded' && outcome !== 'passed_blind' && !isErrorCode(outcome))
    throw invalid('outcome', '`forwarded`, `passed_blind` or an error code');
  if (httpStatus > 999) throw invalid('http_status', 'an HTTP status');
  return {
    credentialId: credentialId === '' ? '' : parseId('credential_id', credentialId),
    leaseId: leaseId === '' ? '' : parseId('lease_id', leaseId),
    method: parseText('method', record.method, 32),
    authority: parseText('authority', record.authority, 300),
    path: parseText('path', record.path, 200),
    outcome,
    httpStatus,
    count: fromUint64(record.count, 'count'),
    firstAtMs: fromUint64(record.firstAtMs, 'first_at_ms'),
    lastAtMs: fromUint64(record.lastAtMs, 'last_at_ms'),
  };
}

/** Operators read it on a terminal, so it holds no control characters. */
function parseText(field: string, text: string, maxLength: number): string {
  if (text.length > maxLength || /\p{Cc}/u.test(text))
    throw invalid(field, `at most ${maxLength} characters, none of them a control character`);
  return text;
}

function invalid(field: string, what: string): AppError {
  return new AppError('invalid_argument', `${field} must be ${what}.`);
}
