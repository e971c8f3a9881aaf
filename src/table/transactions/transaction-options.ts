import { checkIdempotencyKey } from '../../commit/idempotency-key.ts';
import type { Isolation } from '../../commit/transaction.ts';
import { ConfigError, type Problem } from '../../errors/config-error.ts';
import type { CallOptions } from '../../execution/call-gate.ts';

/**
 * How a transaction is run, and the key under which it is applied once.
 *
 * @example
 * await data.payments.at(account).transaction(pay, {
 *   idempotencyKey, payload: { account, cents: 4_200 }, isolation: 'READ COMMITTED',
 * });
 */
export interface TransactionOptions extends CallOptions {
  /** Default: the server's own, REPEATABLE READ unless it was changed. */
  readonly isolation?: Isolation;
  /**
   * How often the whole function is run again after the database rolled it back: a deadlock, a lock
   * that could not be had, a connection lost before COMMIT. 0 to 100, default 0: what the function does
   * elsewhere would be done again.
   */
  readonly retries?: number;
  /**
   * Applies the transaction once, however often the call is made with this key: 1 to 255 characters,
   * drawn by the caller for each operation. A reply to COMMIT that is lost is then found out. A later
   * call with the same key does not run the function, and returns what it returned, which must be
   * plain data of at most 1 MB: what JSON holds, and Date, bigint, bytes, Map, Set and undefined. An
   * instance of a class is a ConfigError, and all is rolled back. Only when it runs, for to TypeScript an
   * instance without methods is plain data, and a type that refuses those with methods would refuse every
   * function of yours that is generic in the result.
   *
   * Keys are told apart within the key of `at()`, and for as long as `idempotency.keepMs` says.
   */
  readonly idempotencyKey?: string;
  /** What the operation is about: another one under the same key is refused. Plain data. Default: none. */
  readonly payload?: unknown;
}

const mostRetries = 100;
const isolations = new Set<Isolation>(['READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE']);

/** @throws {ConfigError} naming what makes no sense. */
export function checkTransactionOptions({
  retries = 0,
  idempotencyKey,
  payload,
  isolation,
}: TransactionOptions): void {
  const problems: Problem[] = [];
  if (!Number.isInteger(retries) || retries < 0 || retries > mostRetries) {
    problems.push({ path: 'retries', message: `must be a whole number from 0 to ${mostRetries}` });
  }
  if (isolation !== undefined && !isolations.has(isolation)) {
    problems.push({ path: 'isolation', message: `must be one of ${[...isolations].join(', ')}` });
  }
  if (payload !== undefined && idempotencyKey === undefined) {
    problems.push({
      path: 'payload',
      message: 'is compared under an idempotencyKey only; give one',
    });
  }
  if (problems.length > 0) throw new ConfigError('Bad call options', problems);
  if (idempotencyKey !== undefined) checkIdempotencyKey(idempotencyKey);
}
