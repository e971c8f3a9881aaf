import { isMeridianError } from '../errors/meridian-error.ts';

/** Invalidates the cached rows that a write touched. */
export type Forget = () => Promise<'done' | 'pending'>;

/**
 * Invalidates after a write, also after one of which nobody knows whether it was applied. Such a
 * write may land after the first invalidation, so there is a second once it has ended for sure.
 *
 * @param ended resolves when nothing that was given up runs on the server any more.
 */
export async function thenForget<T>(
  write: Promise<T>,
  forget: Forget,
  ended: () => Promise<void>,
): Promise<{ readonly result: T; readonly invalidation: 'done' | 'pending' }> {
  try {
    const result = await write;
    return { result, invalidation: await forget() };
  } catch (error) {
    if (isMeridianError(error) && error.outcome === 'unknown') {
      await forget();
      void ended().then(forget);
    }
    throw error;
  }
}
