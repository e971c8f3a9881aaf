import { delayEnded, type Ended, isMeridianError } from '../../errors/meridian-error.ts';
import type { Deadline } from '../../resilience/time/deadline.ts';

/**
 * Invalidates the cached rows that a write touched. Never rejects.
 *
 * @param isApplied false while the outcome is unknown: readers may have looked for the rows by then.
 */
export type Forget = (isApplied: boolean) => Promise<'done' | 'pending'>;

/** Milliseconds for which a row may be cached whose write may still land, at first and after a while. */
const heldMs = { first: 250, longest: 1_000 };

/**
 * Invalidates after a write, also after one that failed and may be applied all the same, in whole or in
 * part. A write of unknown outcome may land long after its caller was told: what readers cache meanwhile
 * is forgotten again and again, and once more when the server says that the write is over: the caller
 * hears of its end after that.
 *
 * The caller is answered by the deadline; what Redis has not confirmed by then goes on.
 */
export async function thenForget<T>(
  write: Promise<T>,
  deadline: Deadline,
  forget: Forget,
): Promise<{ readonly result: T; readonly invalidation: 'done' | 'pending' }> {
  try {
    const result = await write;
    return { result, invalidation: await inTime(forget(true), deadline) };
  } catch (error) {
    if (isMeridianError(error) && error.outcome !== 'not-applied') {
      await inTime(forget(false), deadline);
      const { ended } = error;
      if (ended !== undefined) delayEnded(error, forgetUntil(ended, forget));
    }
    throw error;
  }
}

async function forgetUntil(ended: Promise<Ended>, forget: Forget): Promise<Ended> {
  let isOver = false;
  const over = ended.then(() => {
    isOver = true;
  });
  for (let heldFor = heldMs.first; !isOver; heldFor = Math.min(heldMs.longest, heldFor * 1.5)) {
    let timer: NodeJS.Timeout | undefined;
    const pause = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, heldFor).unref();
    });
    await Promise.race([over, pause]);
    clearTimeout(timer);
    await forget(false);
  }
  return ended;
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
