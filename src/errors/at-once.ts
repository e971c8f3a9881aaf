import { ConfigError } from './config-error.ts';

/**
 * Whether a function of the caller's answered with a promise, where nobody waits for it. Its rejection
 * is taken over: without an owner it would end the process.
 */
export function isPromise(answer: unknown): boolean {
  if (typeof answer !== 'object' || answer === null || !('then' in answer)) return false;
  if (typeof answer.then !== 'function') return false;
  Promise.resolve(answer).catch(() => undefined);
  return true;
}

/**
 * What a function of the caller's answered.
 *
 * @throws {ConfigError} when it is a promise.
 */
export function atOnce<T>(answer: T, path: string): T {
  if (!isPromise(answer)) return answer;
  throw new ConfigError('A function answered with a promise', [
    {
      path,
      message: 'must answer at once, for nobody can wait where it is asked: it may not be async',
    },
  ]);
}
