import { ask } from '../platform/ask.ts';
import { notFound, Problem } from '../platform/problem.ts';
import type { Data } from './tables.ts';

type Time = { readonly timeoutMs: number };
type Wish = { readonly item: string; readonly checkout: string; readonly pieces: number };

/** As long as a checkout waits for it, at most: it also needs time for its own work. */
const patienceMs = 1_000;

/** The service that knows what is in stock. While it can't be asked, we sell what it may have. */
export function inventoryOf(data: Data, inventoryUrl: string, gatewayKey: string) {
  const guard = data.guard('inventory', {
    concurrency: 64,
    probe: () => fetch(`${inventoryUrl}/health`, { signal: AbortSignal.timeout(patienceMs) }),
  });
  const url = `${inventoryUrl}/reservations`;
  const call = (method: 'PUT' | 'DELETE', body: object, time: Time) => {
    const timeoutMs = Math.min(patienceMs, time.timeoutMs);
    return guard.run(({ signal }) => ask({ method, url, body, gatewayKey, timeoutMs, signal }), {
      idempotent: true,
      timeoutMs,
      fallback: () => 'unreachable' as const,
    });
  };

  return {
    /** A problem is no throw: who asks again for what was sold gets the same receipt nevertheless. */
    async reserve(wish: Wish, time: Time): Promise<'reserved' | 'on-backorder' | Problem> {
      const said = await call('PUT', wish, time);
      if (said === 204) return 'reserved';
      if (said === 'unreachable') return 'on-backorder';
      if (said === 404) return notFound('item');
      if (said === 409) return new Problem(409, 'sold-out', 'There is not enough left');
      return new Problem(422, 'key-reused', 'The idempotency key was used for something else');
    },
    /** What can't be given back now stays reserved for the same checkout. */
    release: ({ item, checkout }: Wish, time: Time) => call('DELETE', { item, checkout }, time),
  };
}

export type Inventory = ReturnType<typeof inventoryOf>;
