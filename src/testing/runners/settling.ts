import { TestingError } from '../testing-error.ts';
import type { ProcessHost } from './process-runner.ts';
import { clusterStopped } from './supervisor.ts';

const pollMs = 20;

/**
 * Looks again and again until `look` returns something. A TestingError of it means "not yet"; the
 * last one is the cause when time runs out.
 *
 * @throws TestingError after `startTimeoutMs`, or when the servers are stopped meanwhile.
 */
export async function untilSeen<T>(
  { supervisor, startTimeoutMs }: ProcessHost,
  what: string,
  look: () => Promise<T | undefined>,
): Promise<T> {
  const deadline = performance.now() + startTimeoutMs;
  let cause: unknown;
  do {
    if (supervisor.ending) throw clusterStopped();
    try {
      const seen = await look();
      if (seen !== undefined) return seen;
      cause = undefined;
    } catch (error) {
      if (!(error instanceof TestingError)) throw error;
      cause = error;
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  } while (performance.now() < deadline);
  throw new TestingError(`${what} did not happen within ${startTimeoutMs} ms.`, { cause });
}
