import type { Deadline } from './deadline.ts';

/** Runs work under a deadline of its own, which the caller's deadline ends as well. */
export async function within<T, Part extends Deadline>(
  timeoutMs: number,
  deadline: Pick<Deadline, 'onCancel'> & { part(timeoutMs: number): Part },
  work: (own: Part) => Promise<T>,
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
