import { isMeridianError } from 'meridian';
import type { Guard } from 'meridian/resilience';
import { type Asking, ask } from './ask.ts';
import { type Problem, unavailable } from './problem.ts';

interface Data {
  guard(name: string, options: { concurrency: number; probe: () => Promise<unknown> }): Guard;
}

/**
 * Another service of the shop, asked through a guard: its status, `away` when nobody is there, or a
 * problem when it is there and has too much to do.
 */
export function peerOf(data: Data, name: string, origin: string, gatewayKey: string) {
  const guard = data.guard(name, {
    concurrency: 64,
    probe: () => fetch(`${origin}/health`, { signal: AbortSignal.timeout(1_000) }),
  });
  return (
    method: 'PUT' | 'DELETE',
    path: string,
    body: object,
    asking: Asking,
  ): Promise<number | 'away' | Problem> => {
    const timeoutMs = asking.timeoutMs / 2;
    const question = { ...asking, method, url: origin + path, body, gatewayKey, timeoutMs };
    return guard.run(({ signal }) => ask(question, signal), {
      idempotent: true,
      timeoutMs,
      fallback: (error) => {
        const isSlow = guard.state === 'closed' && isOutOfTimeOrRoom(error);
        return isSlow ? unavailable('not-applied', error) : 'away';
      },
    });
  };
}

/** What it has not got must not be sold to whom it can't answer. */
const isOutOfTimeOrRoom = (error: unknown) =>
  isMeridianError(error) && ['MERIDIAN_TIMEOUT', 'MERIDIAN_OVERLOAD'].includes(error.code);
