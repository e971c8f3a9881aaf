import { RelocationError } from 'meridian';

/** Processes that start and die keep the cores busy: what is not about slowness must not run into it. */
export const patient = { pauseMs: 5_000, timeoutMs: 30_000 };

/**
 * Repeats a move that was refused as busy. Moves in opposite directions of owners whose keys are
 * neighbours may wait for each other on two servers, which neither of these can see.
 */
export async function relocatePatiently<T>(relocate: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await relocate();
    } catch (error) {
      if (!(error instanceof RelocationError) || error.reason !== 'busy') throw error;
    }
  }
}
