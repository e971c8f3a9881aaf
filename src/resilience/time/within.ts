import type { Deadline } from './deadline.ts';

/** Runs work under a deadline of its own, which the caller's deadline ends as well. */
export async function within<T>(
  timeoutMs: number,
  deadline: Deadline,
  work: (own: Deadline) => Promise<T>,
): Promise<T> {
  const own = deadline.part(timeoutMs);
  const stopListening = deadline.onCancel((reason) => own.cancel(reason));
  try {
    return await work(own);
  } finally {
    stopListening();
    own.end();
  }
}
