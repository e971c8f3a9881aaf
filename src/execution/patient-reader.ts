import { TimeoutError } from '../errors/call-error.ts';
import { ConfigError } from '../errors/config-error.ts';
import type { Deadline } from '../resilience/time/deadline.ts';

/** Milliseconds for which a stream waits for its reader to ask for the next row, unless it is told. */
const defaultReaderTimeoutMs = 60_000;

/**
 * The rows of a stream for as long as somebody reads them: one that is neither read nor ended would keep
 * its connections for ever. Its deadline is cancelled then, and the next row is the error.
 *
 * Looks once in `timeoutMs` whether a row was taken since the last look: nothing is paid for each row but a count.
 */
export async function* whileRead<T>(
  rows: AsyncIterable<T>,
  deadline: Deadline,
  timeoutMs: number = defaultReaderTimeoutMs,
): AsyncGenerator<T, void, undefined> {
  assertTimeout(timeoutMs);
  let given = 0;
  let isWithReader = false;
  let seen = -1;
  const look = () => {
    if (isWithReader && seen === given) deadline.cancel(unread(timeoutMs));
    seen = isWithReader ? given : -1;
  };
  const timer = timeoutMs === Number.POSITIVE_INFINITY ? undefined : setInterval(look, timeoutMs);
  timer?.unref();
  try {
    for await (const row of rows) {
      given++;
      isWithReader = true;
      yield row;
      isWithReader = false;
      if (deadline.reason !== undefined) throw deadline.reason;
    }
  } finally {
    clearInterval(timer);
  }
}

function unread(timeoutMs: number): TimeoutError {
  return new TimeoutError(
    `Nobody asked for the next row of a stream for ${timeoutMs} ms, so its connections were given back. ` +
      'Read it faster, end it with return(), or raise readerTimeoutMs.',
    { context: { timeoutMs } },
  );
}

function assertTimeout(timeoutMs: number): void {
  const isWell = timeoutMs > 0 && (timeoutMs < 2 ** 31 || timeoutMs === Number.POSITIVE_INFINITY);
  if (isWell) return;
  throw new ConfigError('Bad call options', [
    { path: 'readerTimeoutMs', message: 'must be over 0, and below 2^31 or Infinity' },
  ]);
}
