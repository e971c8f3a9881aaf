import { ownerMovedState, type Phase } from '../errors/driver-fault.ts';
import { isMeridianError, type Outcome } from '../errors/meridian-error.ts';

/**
 * What a failure means for the work that failed.
 *
 * - `not-sent`: no byte of it reached the server.
 * - `statement-rolled-back`: the statement was undone, its transaction is still open.
 * - `transaction-rolled-back`: the whole transaction was undone.
 * - `ambiguous`: it was sent and the answer was lost.
 * - `permanent`: the server understood it and refused it.
 * - `overload`: the server, or a limit before it, has no room.
 * - `topology`: this server may not do it (read-only, demoted), another one may.
 */
export type FailureKind =
  | 'not-sent'
  | 'statement-rolled-back'
  | 'transaction-rolled-back'
  | 'ambiguous'
  | 'permanent'
  | 'overload'
  | 'topology';

export interface Classification {
  readonly kind: FailureKind;
  /** Whether running the same work again may succeed and can't apply it twice. */
  readonly retryable: boolean;
  readonly outcome: Outcome;
}

const byErrno = new Map<number, FailureKind>([
  // MySQL and MariaDB error numbers; see the servers' error references.
  [1040, 'overload'], // too many connections
  [1203, 'overload'], // too many connections of this user
  [1226, 'overload'], // a resource limit of this user
  [1129, 'not-sent'], // host blocked
  [1213, 'transaction-rolled-back'], // deadlock
  [1020, 'transaction-rolled-back'], // record changed since last read
  [3101, 'transaction-rolled-back'], // rolled back during commit
  [1205, 'statement-rolled-back'], // lock wait timeout
  [3572, 'statement-rolled-back'], // NOWAIT
  [1317, 'statement-rolled-back'], // interrupted
  [3024, 'statement-rolled-back'], // MySQL's statement time limit
  [1969, 'statement-rolled-back'], // MariaDB's statement time limit
  [1290, 'topology'], // --read-only
  [1836, 'topology'], // read-only mode
  [1792, 'topology'], // read-only transaction
  [1047, 'topology'], // Galera node not ready
  [1053, 'ambiguous'], // shutdown in progress
  [1180, 'ambiguous'], // error during commit
  [1927, 'ambiguous'], // connection killed
]);

/**
 * Decides by an error's fields what its failure means. `phase` is how far the work had come; by
 * default the error's own `phase` field, else `sent`.
 *
 * The one place where this is decided: retry scope, breaker, disposal of the connection and what
 * the caller is told all follow from it.
 */
export function classifyError(error: unknown, { phase }: { phase?: Phase } = {}): Classification {
  if (isMeridianError(error)) return classifyMeridianError(error);
  const at = phase ?? phaseOf(error);
  const errno = property(error, 'errno');
  const known =
    property(error, 'sqlState') === ownerMovedState
      ? 'statement-rolled-back'
      : typeof errno === 'number'
        ? byErrno.get(errno)
        : undefined;
  if (known !== undefined) return describe(known);
  if (at === 'connecting' || at === 'queued') {
    return describe(typeof errno === 'number' && errno > 0 ? 'permanent' : 'not-sent');
  }
  return describe(typeof errno === 'number' && errno > 0 ? 'permanent' : 'ambiguous');
}

/** Whether the failure says that the server, not the caller's statement, is unwell. */
export function isServerFailure({ kind }: Classification): boolean {
  return kind === 'not-sent' || kind === 'ambiguous' || kind === 'overload' || kind === 'topology';
}

function describe(kind: FailureKind): Classification {
  return {
    kind,
    retryable: kind !== 'ambiguous' && kind !== 'permanent' && kind !== 'statement-rolled-back',
    outcome: kind === 'ambiguous' ? 'unknown' : 'not-applied',
  };
}

function classifyMeridianError(error: {
  code: string;
  retryable: boolean;
  outcome: Outcome;
}): Classification {
  const { code, retryable, outcome } = error;
  if (outcome === 'unknown') return { kind: 'ambiguous', retryable, outcome };
  if (code === 'MERIDIAN_OVERLOAD') return { kind: 'overload', retryable, outcome };
  if (code === 'MERIDIAN_ROLLED_BACK')
    return { kind: 'transaction-rolled-back', retryable, outcome };
  if (retryable) return { kind: 'not-sent', retryable, outcome };
  return { kind: 'permanent', retryable, outcome };
}

function phaseOf(error: unknown): Phase {
  const phase = property(error, 'phase');
  return phase === 'connecting' || phase === 'queued' || phase === 'committing' ? phase : 'sent';
}

function property(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
