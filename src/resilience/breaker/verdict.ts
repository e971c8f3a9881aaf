import { isMeridianError } from '../../errors/meridian-error.ts';
import { classifyError, isServerFailure } from '../retry/classify.ts';

/**
 * What the end of a call says about whom it called.
 *
 * - `well`: it answered, if only to say no.
 * - `unwell`: it failed.
 * - `refused`: it failed because it has no room, or was not reached: more calls would not help.
 * - `nothing`: nobody knows; the caller left, or the call went wrong on this side.
 */
export type Verdict = 'well' | 'unwell' | 'refused' | 'nothing';

/** Judges a failure of a database, or one of Meridian's own. */
export function verdictOf(error: unknown): Verdict {
  const classified = classifyError(error);
  if (!isServerFailure(classified)) {
    return isMeridianError(error) && !saysTheServer(error.code) ? 'nothing' : 'well';
  }
  // A deadline that passed says that there is no answer yet, not that there is no room.
  if (isMeridianError(error) && error.code === 'MERIDIAN_TIMEOUT') return 'unwell';
  return classified.kind === 'overload' || classified.kind === 'not-sent' ? 'refused' : 'unwell';
}

/**
 * Judges what any client threw. Without a status it is a failure; an HTTP status (`status`,
 * `statusCode`, of the error or its `response`) tells: below 500 the dependency answered, except
 * 408 and 425; 429 and 503 say that it has no room.
 */
export function dependencyVerdict(error: unknown): Verdict {
  if (isMeridianError(error)) return verdictOf(error);
  const status = statusOf(error) ?? statusOf(property(error, 'response'));
  if (status !== undefined) {
    if (status === 429 || status === 503) return 'refused';
    return status >= 500 || status === 408 || status === 425 ? 'unwell' : 'well';
  }
  const code = property(error, 'code') ?? property(property(error, 'cause'), 'code');
  if (typeof code === 'string' && unreached.has(code)) return 'refused';
  return verdictOf(error);
}

const unreached = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

function saysTheServer(code: string): boolean {
  return (
    code === 'MERIDIAN_STATEMENT' ||
    code === 'MERIDIAN_DUPLICATE_KEY' ||
    code === 'MERIDIAN_ROLLED_BACK'
  );
}

function statusOf(value: unknown): number | undefined {
  for (const name of ['status', 'statusCode']) {
    const status = property(value, name);
    if (typeof status === 'number' && status >= 300 && status <= 599) return status;
  }
  return undefined;
}

function property(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
