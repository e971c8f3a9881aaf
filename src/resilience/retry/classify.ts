import { ownerMovedState, type Phase } from '../../errors/driver-fault.ts';
import { isMeridianError, type MeridianError, type Outcome } from '../../errors/meridian-error.ts';
import {
  type ConnectionAfter,
  type FailureKind,
  lostConnection,
  type Repeat,
  type ServerCode,
  serverCode,
  unreadableAnswer,
  unreadableCode,
} from '../../errors/server-codes.ts';

/**
 * All that is decided about a failure.
 *
 * @see {@link classifyError}
 */
export interface Classification {
  readonly kind: FailureKind;
  /** Whether running the same work again may succeed and can't apply it twice. */
  readonly retryable: boolean;
  readonly outcome: Outcome;
  /** Whether Meridian runs it again by itself; a read also after `ambiguous`. */
  readonly repeat: Repeat;
  /** What becomes of the connection. */
  readonly connection: ConnectionAfter;
  /** Whether a breaker counts it: the server is unwell, not only the caller's statement. */
  readonly serverFault: boolean;
}

/**
 * Decides by an error's fields what its failure means: by `errno`, by `message` where one number
 * stands for several things or there is none, and by how far the work had come. `phase` is that, by
 * default the error's own `phase` field, else `sent`:
 *
 * - `connecting`, `queued`: nothing was sent, so nothing can be ambiguous or rolled back.
 * - `committing`: only what a server answers after it has rolled back proves that nothing was
 *   applied. Every other answer to COMMIT, a refusal too, is `ambiguous`.
 *
 * The one place where this is decided: retry scope, breaker, disposal of the connection and what
 * the caller is told all follow from it. O(1).
 *
 * @example
 * const { kind, outcome, retryable } = classifyError({ errno: 1213 }, { phase: 'sent' });
 * kind; // 'transaction-rolled-back'
 */
export function classifyError(error: unknown, { phase }: { phase?: Phase } = {}): Classification {
  if (isMeridianError(error)) return classifyMeridianError(error);
  if (property(error, 'sqlState') === ownerMovedState) return ownerMoved;
  return describe(at(phase ?? phaseOf(error), codeOf(error)));
}

/**
 * Whether the failure says that the server, not the caller's statement, is unwell.
 *
 * @example
 * isServerFailure(classifyError({ code: 'ECONNRESET' })); // true
 */
export function isServerFailure({ serverFault }: Classification): boolean {
  return serverFault;
}

// Refused by a trigger of Meridian's own; whoever forwards the owner runs it again, elsewhere.
const ownerMoved: Classification = {
  kind: 'statement-rolled-back',
  retryable: true,
  outcome: 'not-applied',
  repeat: 'never',
  connection: 'roll-back',
  serverFault: false,
};

function codeOf(error: unknown): ServerCode {
  const errno = property(error, 'errno');
  // Errors of the system have negative numbers.
  if (typeof errno !== 'number' || errno <= 0) {
    return property(error, 'code') === unreadableCode ? unreadableAnswer : lostConnection;
  }
  const message = property(error, 'message');
  return serverCode(errno, typeof message === 'string' ? message : undefined);
}

function at(phase: Phase, code: ServerCode): ServerCode {
  if (phase === 'sent') return code;
  if (phase === 'committing') {
    const kind = code.atCommit;
    if (kind === undefined) return code === unreadableAnswer ? code : lostConnection;
    return { ...code, kind };
  }
  const decided = code.kind === 'permanent' || code.kind === 'overload' || code.kind === 'topology';
  if (decided) return { ...code, connection: 'close' };
  return { kind: 'not-sent', connection: 'close', repeat: 'after-pause', serverFault: true };
}

function describe({ kind, connection, repeat, serverFault }: ServerCode): Classification {
  const hopeless = kind === 'ambiguous' || kind === 'permanent';
  // Whoever cancelled a statement would cancel it again.
  const cancelled = kind === 'statement-rolled-back' && repeat === 'never';
  return {
    kind,
    retryable: !hopeless && !cancelled,
    outcome: kind === 'ambiguous' ? 'unknown' : 'not-applied',
    repeat,
    connection,
    serverFault,
  };
}

function classifyMeridianError(error: MeridianError): Classification {
  const { retryable, outcome } = error;
  const kind = kindOf(error);
  return {
    kind,
    retryable,
    outcome,
    repeat: !retryable ? 'never' : kind === 'overload' ? 'elsewhere' : 'after-pause',
    connection: 'keep',
    serverFault: kind === 'not-sent' || kind === 'ambiguous' || kind === 'overload',
  };
}

function kindOf({ code, retryable, outcome }: MeridianError): FailureKind {
  if (outcome === 'unknown') return 'ambiguous';
  if (code === 'MERIDIAN_OVERLOAD') return 'overload';
  if (code === 'MERIDIAN_ROLLED_BACK') return 'transaction-rolled-back';
  return retryable ? 'not-sent' : 'permanent';
}

function phaseOf(error: unknown): Phase {
  const phase = property(error, 'phase');
  return phase === 'connecting' || phase === 'queued' || phase === 'committing' ? phase : 'sent';
}

function property(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
