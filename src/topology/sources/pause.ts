import { setTimeout } from 'node:timers/promises';

/** Waits, keeping no process alive; ends early when the signal fires. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await setTimeout(ms, undefined, { signal, ref: false });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
