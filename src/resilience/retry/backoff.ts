import { decorrelatedJitterGenerator, ExponentialBackoff } from 'cockatiel';

export interface BackoffConfig {
  readonly baseMs: number;
  readonly maxMs: number;
}

/**
 * The pauses before the retries of one call: milliseconds, one a call of the result. Exponential with
 * decorrelated jitter, so that callers that failed together do not come back together: the first is
 * about `baseMs`, each next about twice as long, none over `maxMs`.
 *
 * Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015; the generator is
 * Polly's DecorrelatedJitterV2, by way of cockatiel.
 */
export function createBackoff({ baseMs, maxMs }: BackoffConfig): () => number {
  const factory = new ExponentialBackoff({
    generator: decorrelatedJitterGenerator,
    initialDelay: baseMs,
    maxDelay: maxMs,
    exponent: 2,
  });
  let pause: ReturnType<typeof factory.next> | undefined;
  return () => {
    // It needs no context: only attempts and chance decide.
    pause = pause === undefined ? factory.next() : pause.next(undefined);
    return pause.duration;
  };
}
