import { pause as quietPause } from '../topology/sources/pause.ts';

const firstMs = 250;
const longestMs = 30_000;

/**
 * Milliseconds before the next question after so many failures in a row: doubled each time, up to 30 s, and
 * somewhere in the upper half of that, so that processes that failed together do not come back together.
 */
export function pauseMs(failures: number, random: () => number): number {
  if (failures === 0) return 0;
  const whole = Math.min(longestMs, firstMs * 2 ** Math.min(failures - 1, 16));
  return whole / 2 + (whole / 2) * random();
}

/** Waits without keeping the process alive. Throws the signal's reason when that fires. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await quietPause(ms, signal);
  signal.throwIfAborted();
}
