import {
  AbortedError,
  CircuitOpenError,
  OverloadError,
  TimeoutError,
} from '../errors/call-error.ts';
import {
  DuplicateKeyError,
  RolledBackError,
  StatementError,
  UnavailableError,
  UnknownOutcomeError,
} from '../errors/database-error.ts';
import { DriverFault, isLockedOut, type Phase } from '../errors/driver-fault.ts';
import type { Ended, ErrorContext, Outcome } from '../errors/meridian-error.ts';
import { unreadableCode } from '../errors/server-codes.ts';
import { classifyError } from '../resilience/retry/classify.ts';

/** What the failed work was; what a lost reply means follows from it. */
export type Access = 'read' | 'write' | 'transaction';

export interface Failure {
  readonly access: Access;
  /** Whether doing it twice changes nothing more: then a lost reply leaves nothing in doubt. */
  readonly isRepeatable?: boolean;
  /** How far the newest statement came. */
  readonly phase: Phase;
  readonly endpoint: string;
  readonly shard: string;
  /** The statement's text with its literals masked, where there was one text. */
  readonly statement?: string | undefined;
  /** Resolves when what was sent is over; undefined when it is, or was never begun. */
  readonly ended?: Promise<Ended> | undefined;
}

/** Turns what broke inside into the error the caller is told. Foreign errors pass unchanged. */
export function callerError(error: unknown, failure: Failure): unknown {
  if (error instanceof DriverFault) return faultError(error, failure);
  if (error instanceof TimeoutError) {
    return new TimeoutError(`${error.message} It was ${waitingFor(failure)}.${cureOf(failure)}`, {
      outcome: outcomeOf(failure),
      context: { ...error.context, ...contextOf(failure) },
      ended: failure.ended,
    });
  }
  if (error instanceof AbortedError) {
    return new AbortedError(`${error.message} It was ${waitingFor(failure)}.${cureOf(failure)}`, {
      outcome: outcomeOf(failure),
      context: contextOf(failure),
      cause: error.cause,
      ended: failure.ended,
    });
  }
  if (error instanceof CircuitOpenError || error instanceof OverloadError) {
    const context = { ...error.context, ...contextOf(failure) };
    return error instanceof CircuitOpenError
      ? new CircuitOpenError(error.message, {
          context,
          retryAfterMs: error.retryAfterMs,
          cause: error.cause,
        })
      : new OverloadError(error.message, { context });
  }
  return error;
}

function faultError(fault: DriverFault, failure: Failure): Error {
  const { endpoint } = failure;
  const options = { cause: fault, context: { ...contextOf(failure), ...faultContext(fault) } };
  const { kind, retryable } = classifyError(fault);
  switch (kind) {
    case 'not-sent':
      return new UnavailableError(`${endpoint} can not be reached: ${fault.message}.`, options);
    case 'topology':
      return new UnavailableError(
        `${endpoint} may not do this now: ${fault.message}. Is it still the primary?`,
        options,
      );
    case 'overload':
      return new OverloadError(
        `${endpoint} has no room: ${fault.message}. ${reliefOf(fault)}`,
        options,
      );
    case 'statement-rolled-back':
    case 'transaction-rolled-back':
      if (!retryable) {
        return new RolledBackError(
          `${endpoint} cancelled the statement, and undid it: ${fault.message}. ` +
            'It would meet the same KILL or time limit again; look for who set it.',
          { ...options, retryable },
        );
      }
      return new RolledBackError(
        `${endpoint} rolled the work back: ${fault.message}. Run the whole of it again.`,
        options,
      );
    case 'ambiguous':
      return lostReply(fault, failure, options);
    case 'permanent':
      if (fault.errno === 1062) {
        return new DuplicateKeyError(
          `A row with this ${fault.key === 'PRIMARY' ? 'primary key' : `value of unique key '${fault.key}'`} exists already.`,
          { ...options, context: { ...options.context, key: fault.key } },
        );
      }
      if (isLockedOut(fault)) {
        return new StatementError(
          `${endpoint} does not let this process in: ${fault.message}. Check the user, password and database ` +
            `in the URL at ${pathOf(failure)} of the topology, and the variables that it names.`,
          options,
        );
      }
      return new StatementError(
        `${endpoint} refused the statement: ${fault.message}.${lacksRight(fault) ? grantCure(failure) : ''}`,
        options,
      );
  }
}

/** The server's numbers for a right that is missing: on a database, table, column, server or routine. */
const missingRights = new Set<number | undefined>([1044, 1142, 1143, 1227, 1370]);

function lacksRight({ errno }: DriverFault): boolean {
  return missingRights.has(errno);
}

function grantCure(failure: Failure): string {
  return (
    ` Grant this right to the user in the URL at ${pathOf(failure)} of the topology. ` +
    "Of Meridian's own tables, systemTables: 'verify' prints what somebody else may run."
  );
}

/** Where the topology says how an endpoint is reached. */
function pathOf({ shard, endpoint }: Failure): string {
  const replica = /\/replica-(\d+)$/.exec(endpoint)?.[1];
  return `shards.${shard}.${replica === undefined ? 'primary' : `replicas.${Number(replica) - 1}`}`;
}

function reliefOf({ phase }: DriverFault): string {
  return phase === 'sent'
    ? 'Ask whoever runs the server; the context has its error number.'
    : 'Lower pool.connections or the number of instances.';
}

/** What may be repeated is done again; an open transaction dies with its connection; the rest is unknown. */
function lostReply(
  fault: DriverFault,
  failure: Failure,
  options: { cause: DriverFault; context: ErrorContext },
): Error {
  const { access, isRepeatable, endpoint } = failure;
  if (
    (access !== 'write' || isRepeatable) &&
    fault.phase !== 'committing' &&
    fault.code === unreadableCode
  ) {
    return new StatementError(
      `${endpoint} answered what the driver can't read. Rename the columns of the result; if that does not help, report it.`,
      options,
    );
  }
  if (access === 'read' || isRepeatable) {
    return new UnavailableError(`${endpoint} left before it answered: ${fault.message}.`, options);
  }
  if (access === 'transaction' && fault.phase !== 'committing') {
    return new RolledBackError(
      `The connection to ${endpoint} was lost before COMMIT, so the transaction was rolled back. Run the whole of it again.`,
      options,
    );
  }
  return new UnknownOutcomeError(
    `The reply of ${endpoint} to a ${access === 'write' ? 'write' : 'COMMIT'} was lost: it may be applied or not.` +
      (cureOf(failure) || ' Read the row back on the primary before you try again.'),
    { ...options, ended: failure.ended },
  );
}

function cureOf({ ended }: Failure): string {
  return ended === undefined
    ? ''
    : " It may still run there: await this error's `ended`, then read the row back on the primary before you try again.";
}

function outcomeOf({ access, isRepeatable, phase }: Failure): Outcome {
  if (access === 'write' && !isRepeatable && phase === 'sent') return 'unknown';
  return phase === 'committing' ? 'unknown' : 'not-applied';
}

function waitingFor({ phase, endpoint }: Failure): string {
  if (phase === 'connecting' || phase === 'queued')
    return `waiting for a connection to ${endpoint}`;
  return phase === 'committing' ? `waiting for COMMIT on ${endpoint}` : `waiting for ${endpoint}`;
}

function contextOf({ endpoint, shard, phase, statement }: Failure): ErrorContext {
  return { shard, endpoint, phase, ...(statement !== undefined && { statement }) };
}

function faultContext({ errno, code, sqlState }: DriverFault): ErrorContext {
  return {
    ...(errno !== undefined && { errno }),
    ...(code !== undefined && { driverCode: code }),
    ...(sqlState !== undefined && { sqlState }),
  };
}
