import {
  EventEmitter,
  type IDefaultPolicyContext,
  type IFailureEvent,
  type IPolicy,
  type ISuccessEvent,
} from 'cockatiel';
import { CircuitOpenError, OverloadError, TimeoutError } from '../errors/call-error.ts';

/**
 * A cockatiel policy; `Alt` is what it may answer with in place of the work's result.
 *
 * @example
 * import { timeout, TimeoutStrategy } from 'cockatiel';
 * const policy: CockatielPolicy = timeout(300, TimeoutStrategy.Aggressive);
 * createGuard('prices', { policy });
 */
export type CockatielPolicy<Alt = never> = IPolicy<IDefaultPolicyContext, Alt>;

/** How far a call of a policy came. */
interface Progress {
  readonly guard: string;
  /** Whether the work was begun: then a later refusal does not say that nothing was applied. */
  readonly hasBegun: boolean;
  readonly idempotent: boolean;
}

/** Whether something has the shape of a cockatiel policy, of whatever copy of the package. */
export function isPolicy(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    'execute' in value &&
    typeof value.execute === 'function' &&
    'onFailure' in value
  );
}

/**
 * What a policy threw, as Meridian says it: its own refusals and cancellations become errors with a code
 * and an outcome, all else is the work's own.
 */
export function policyError(error: unknown, { guard, hasBegun, idempotent }: Progress): unknown {
  const facts = {
    cause: error,
    context: { guard },
    outcome: hasBegun ? 'unknown' : 'not-applied',
    retryable: !hasBegun || idempotent,
  } as const;
  if (isMarked(error, 'isBrokenCircuitError')) {
    return new CircuitOpenError(
      `The circuit breaker of the policy of '${guard}' is open. Try later or use a fallback.`,
      facts,
    );
  }
  if (isMarked(error, 'isBulkheadRejectedError')) {
    return new OverloadError(
      `The bulkhead of the policy of '${guard}' is full. Slow down, or raise its limits.`,
      facts,
    );
  }
  if (isMarked(error, 'isTaskCancelledError')) {
    return new TimeoutError(`The policy of '${guard}' gave the call up: its time was over.`, facts);
  }
  return error;
}

/** By their marks, as other copies of the package have them: its own test of a cancellation asks for another. */
function isMarked(error: unknown, mark: string): boolean {
  return error instanceof Error && Reflect.get(error, mark) === true;
}

/** A guard as a policy, for code that composes policies. */
export function policyOf<Alt>(
  run: <T>(
    work: (call: IDefaultPolicyContext) => Promise<T>,
    signal: AbortSignal | undefined,
  ) => Promise<T | Alt>,
  isFailure: (error: unknown) => boolean,
): CockatielPolicy<Alt> {
  const succeeded = new EventEmitter<ISuccessEvent>();
  const failed = new EventEmitter<IFailureEvent>();
  return {
    // Declared by cockatiel for types alone, and never there.
    _altReturn: undefined as never,
    onSuccess: succeeded.addListener,
    onFailure: failed.addListener,
    async execute(work, signal) {
      const startedAt = performance.now();
      try {
        const value = await run(async (call) => work(call), signal);
        succeeded.emit({ duration: performance.now() - startedAt });
        return value;
      } catch (thrown) {
        const error = thrown instanceof Error ? thrown : new Error(String(thrown));
        const duration = performance.now() - startedAt;
        failed.emit({ duration, handled: isFailure(thrown), reason: { error } });
        throw thrown;
      }
    },
  };
}
