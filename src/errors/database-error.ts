import { type Ended, type ErrorContext, MeridianError, type Outcome } from './meridian-error.ts';

interface DatabaseErrorOptions {
  readonly cause?: unknown;
  readonly context?: ErrorContext;
  readonly outcome?: Outcome;
  readonly retryable?: boolean;
  readonly ended?: Promise<Ended> | undefined;
}

/**
 * The server refused the statement for what it says: syntax, an unknown column, a missing right,
 * a broken constraint. Repeating it cannot help.
 *
 * Code `MERIDIAN_STATEMENT`; not retryable; nothing was applied.
 *
 * @example
 * await data.users.at(id).query('SELECT nmae FROM users').catch((error) => {
 *   if (error instanceof StatementError) log.warn(error.context, error.message); // a mistake in the text
 *   throw error;
 * });
 */
export class StatementError extends MeridianError {
  constructor(message: string, options: DatabaseErrorOptions = {}) {
    super(message, { code: 'MERIDIAN_STATEMENT', ...options });
  }
}

/**
 * A unique key of the table already holds this value. Names the key, never the value.
 *
 * Code `MERIDIAN_DUPLICATE_KEY`; not retryable; nothing was applied.
 *
 * @example
 * await data.users.insert({ country: 'DE', name: 'Ada' }).catch((error) => {
 *   if (error instanceof DuplicateKeyError) response.writeHead(409).end();
 *   else throw error;
 * });
 */
export class DuplicateKeyError extends MeridianError {
  constructor(message: string, options: DatabaseErrorOptions = {}) {
    super(message, { code: 'MERIDIAN_DUPLICATE_KEY', ...options });
  }
}

/**
 * An endpoint cannot be reached, or left before it answered a read. Nothing was applied.
 *
 * Code `MERIDIAN_UNAVAILABLE`; retryable.
 *
 * @example
 * await data.users.get(id).catch((error) => {
 *   if (error instanceof UnavailableError) response.writeHead(503).end(); // its shard is down
 *   else throw error;
 * });
 */
export class UnavailableError extends MeridianError {
  constructor(message: string, options: DatabaseErrorOptions = {}) {
    super(message, { code: 'MERIDIAN_UNAVAILABLE', retryable: true, ...options });
  }
}

/** An endpoint was not asked, since nobody has verified yet that it is what the topology means. */
export class UnverifiedError extends UnavailableError {}

/**
 * The database rolled the work back (a deadlock, a lock wait that took too long). The whole
 * transaction may be run again, never a part of it.
 *
 * Code `MERIDIAN_ROLLED_BACK`; retryable; nothing was applied.
 *
 * @example
 * const transfer = () => data.payments.at(account).transaction(pay);
 * await transfer().catch((error) => (error instanceof RolledBackError ? transfer() : Promise.reject(error)));
 */
export class RolledBackError extends MeridianError {
  constructor(message: string, options: DatabaseErrorOptions = {}) {
    super(message, { code: 'MERIDIAN_ROLLED_BACK', retryable: true, ...options });
  }
}

/**
 * A write was sent and its reply was lost: it may be committed or not. Meridian never repeats it.
 * Await `ended` where there is one, for the statement may still wait for a lock and be applied later;
 * then read the row back on the primary before trying again. `context.id` is the id that an insert
 * made for its row; one under an `idempotencyKey` has none, and is repeated under its key.
 *
 * Code `MERIDIAN_UNKNOWN_OUTCOME`; not retryable; outcome `unknown`.
 *
 * @example
 * await data.users.update(id, { name: 'Ada' }).catch(async (error) => {
 *   if (!(error instanceof UnknownOutcomeError)) throw error;
 *   await error.ended;
 *   return data.users.get(id, { consistency: 'primary' }); // what became of it
 * });
 */
export class UnknownOutcomeError extends MeridianError {
  constructor(message: string, options: DatabaseErrorOptions = {}) {
    super(message, { code: 'MERIDIAN_UNKNOWN_OUTCOME', ...options, outcome: 'unknown' });
  }
}
