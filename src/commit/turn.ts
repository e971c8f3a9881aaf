import { setImmediate } from 'node:timers/promises';
import type { Deadline } from '../resilience/time/deadline.ts';

/** Lets the event loop turn in the middle of long work, which ends here once its deadline has passed. */
export async function turn(deadline: Deadline): Promise<void> {
  await setImmediate();
  if (deadline.reason !== undefined) throw deadline.reason;
}
