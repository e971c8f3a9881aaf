import { isMeridianError } from '../errors/meridian-error.ts';
import type { Deadline } from '../resilience/deadline.ts';

/** Invalidates the cached rows that a write touched. */
export type Forget = () => Promise<'done' | 'pending'>;

/**
 * Invalidates after a write, also after one of which nobody knows whether it was applied. Such a
 * write may land after the first invalidation, so there is a second once it has ended for sure.
 *
 * The caller is answered by the deadline; what Redis has not confirmed by then goes on.
 *
 * @param ended resolves when nothing that was given up runs on the server any more.
 */
export async function thenForget<T>(
  write: Promise<T>,
  deadline: Deadline,
  forget: Forget,
  ended: () => Promise<void>,
): Promise<{ readonly result: T; readonly invalidation: 'done' | 'pending' }> {
  try {
    const result = await write;
    return { result, invalidation: await inTime(forget(), deadline) };
  } catch (error) {
    if (isMeridianError(error) && error.outcome === 'unknown') {
      await inTime(forget(), deadline);
      void ended().then(forget);
    }
    throw error;
  }
}

async function inTime(
  forgetting: ReturnType<Forget>,
  deadline: Deadline,
): Promise<'done' | 'pending'> {
  try {
    return await deadline.race(forgetting);
  } catch (error) {
    if (deadline.reason === undefined) throw error;
    return 'pending';
  }
}
