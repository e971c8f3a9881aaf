import { AbortedError, TimeoutError } from '../../errors/call-error.ts';

/** What the caller is told whose call ended while its work ran: nobody knows how far that came. */
export function givenUp(
  reason: Error | undefined,
  { idempotent = false }: { readonly idempotent?: boolean },
): Error | undefined {
  if (reason instanceof TimeoutError) {
    const { message, context } = reason;
    return new TimeoutError(message, { context, outcome: 'unknown', retryable: idempotent });
  }
  if (reason instanceof AbortedError) {
    return new AbortedError(reason.message, { outcome: 'unknown', cause: reason.cause });
  }
  return reason;
}
