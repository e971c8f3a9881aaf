import { type Ended, type ErrorContext, MeridianError, type Outcome } from './meridian-error.ts';

interface CallErrorOptions {
  readonly cause?: unknown;
  readonly context?: ErrorContext;
  readonly outcome?: Outcome;
  readonly retryable?: boolean;
  readonly ended?: Promise<Ended> | undefined;
}

/**
 * The deadline of a call passed. For a write that was already sent, and for work that a guard of
 * yours had begun, the outcome is `unknown`.
 *
 * Code `MERIDIAN_TIMEOUT`; retryable while the outcome is `not-applied`, and of a guard's work that you
 * called `idempotent`.
 *
 * @example
 * await data.users.update(id, { name: 'Ada' }, { timeoutMs: 500 }).catch(async (error) => {
 *   if (!(error instanceof TimeoutError) || error.outcome !== 'unknown') throw error;
 *   await error.ended; // now a read shows whether it was applied
 * });
 */
export class TimeoutError extends MeridianError {
  constructor(message: string, options: CallErrorOptions = {}) {
    super(message, {
      code: 'MERIDIAN_TIMEOUT',
      retryable: options.outcome !== 'unknown',
      ...options,
    });
  }
}

/**
 * The caller's `AbortSignal` fired. The signal's reason is the `cause`. For a write that was already
 * sent, and for work that a guard of yours had begun, the outcome is `unknown`.
 *
 * Code `MERIDIAN_ABORTED`; not retryable.
 *
 * @example
 * try {
 *   await data.users.get(id, { signal });
 * } catch (error) {
 *   if (!(error instanceof AbortedError)) throw error; // else nobody waits for it any more
 * }
 */
export class AbortedError extends MeridianError {
  constructor(message: string, options: CallErrorOptions = {}) {
    super(message, { code: 'MERIDIAN_ABORTED', ...options });
  }
}

/**
 * A bulkhead and its queue are full: the call was refused at once instead of waiting for ever.
 *
 * Code `MERIDIAN_OVERLOAD`; retryable after a pause; nothing was applied, but where a policy of yours
 * refused the repetition of work that had begun: then the outcome is `unknown`.
 *
 * @example
 * await data.users.get(id).catch((error) => {
 *   if (error instanceof OverloadError) response.writeHead(503, { 'retry-after': '1' }).end();
 *   else throw error;
 * });
 */
export class OverloadError extends MeridianError {
  constructor(message: string, options: CallErrorOptions = {}) {
    super(message, { code: 'MERIDIAN_OVERLOAD', retryable: true, ...options });
  }
}

/**
 * The breaker of an endpoint or dependency is open after repeated failures, so the call was
 * refused at once. It closes by itself when a probe succeeds.
 *
 * Code `MERIDIAN_CIRCUIT_OPEN`; retryable after a pause; nothing was applied, but where a policy of yours
 * refused the repetition of work that had begun: then the outcome is `unknown`.
 *
 * @example
 * const price = await data.guard('prices').run(fetchPrice).catch((error) => {
 *   if (error instanceof CircuitOpenError) return lastPrice;
 *   throw error;
 * });
 */
export class CircuitOpenError extends MeridianError {
  /**
   * Milliseconds until it is probed, where that is known: no call has a chance before. What failed last is
   * the `cause`.
   */
  readonly retryAfterMs: number | undefined;

  constructor(
    message: string,
    {
      retryAfterMs,
      ...options
    }: CallErrorOptions & { readonly retryAfterMs?: number | undefined } = {},
  ) {
    super(message, { code: 'MERIDIAN_CIRCUIT_OPEN', retryable: true, ...options });
    this.retryAfterMs = retryAfterMs;
  }
}

/**
 * The data layer is closing or closed, or a transaction handle was used after its end.
 *
 * Code `MERIDIAN_CLOSED`; not retryable; nothing was applied.
 *
 * @example
 * process.on('SIGTERM', () => data.close());
 * await data.users.get(id).catch((error) => {
 *   if (error instanceof ClosedError) return null; // this process is about to end
 *   throw error;
 * });
 */
export class ClosedError extends MeridianError {
  constructor(message: string, options: CallErrorOptions = {}) {
    super(message, { code: 'MERIDIAN_CLOSED', ...options });
  }
}
