import { setInterval } from 'node:timers/promises';

/**
 * Gives the time, on the monotonic clock, every so many milliseconds until the signal fires. It keeps no process
 * alive, and waits for whoever takes longer over one than the interval.
 */
export async function* every(ms: number, signal: AbortSignal): AsyncGenerator<number> {
  if (signal.aborted) return;
  const ticks = setInterval(ms, undefined, { signal, ref: false });
  try {
    for await (const _ of ticks) yield performance.now();
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
