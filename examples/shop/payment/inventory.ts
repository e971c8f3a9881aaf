import { isMeridianError } from 'meridian';
import { type Asking, ask } from '../platform/ask.ts';
import { notFound, Problem, unavailable } from '../platform/problem.ts';
import type { Data } from './tables.ts';

type Wish = { readonly item: string; readonly checkout: string; readonly pieces: number };

/** The service that knows what is in stock. While it is away, we sell what it may have. */
export function inventoryOf(data: Data, inventoryUrl: string, gatewayKey: string) {
  const guard = data.guard('inventory', {
    concurrency: 64,
    probe: () => fetch(`${inventoryUrl}/health`, { signal: AbortSignal.timeout(1_000) }),
  });
  const url = `${inventoryUrl}/reservations`;
  const call = (method: 'PUT' | 'DELETE', wish: Wish, asking: Asking) => {
    const timeoutMs = asking.timeoutMs / 2;
    const question = { ...asking, method, url, body: wish, gatewayKey, timeoutMs };
    return guard.run(({ signal }) => ask(question, signal), {
      idempotent: true,
      timeoutMs,
      fallback: (error) => {
        const isSlow = guard.state === 'closed' && isOutOfTimeOrRoom(error);
        return isSlow ? unavailable('not-applied', error) : 'away';
      },
    });
  };

  return {
    /** A problem is no throw: who asks again for what was sold gets the same receipt nevertheless. */
    async reserve(wish: Wish, asking: Asking): Promise<'reserved' | 'on-backorder' | Problem> {
      const said = await call('PUT', wish, asking);
      if (said instanceof Problem) return said;
      if (said === 204) return 'reserved';
      if (said === 'away') return 'on-backorder';
      if (said === 404) return notFound('item');
      if (said === 409) return new Problem(409, 'sold-out', 'There is not enough left');
      if (said !== 422) throw new Error(`The inventory answered with ${said}`);
      return new Problem(422, 'key-reused', 'The idempotency key was used for something else');
    },
    /** Also what it may have reserved without our hearing of it. */
    release: (wish: Wish, asking: Asking) => call('DELETE', wish, asking),
  };
}

/** It is there, and has too much to do: what it has not got must not be sold to whom it can't answer. */
const isOutOfTimeOrRoom = (error: unknown) =>
  isMeridianError(error) && ['MERIDIAN_TIMEOUT', 'MERIDIAN_OVERLOAD'].includes(error.code);

export type Inventory = ReturnType<typeof inventoryOf>;
