import type { Asking } from '../platform/ask.ts';
import { peerOf } from '../platform/peer.ts';
import { keyReused, notFound, Problem } from '../platform/problem.ts';
import type { Data } from './tables.ts';

type Wish = { readonly item: string; readonly checkout: string; readonly pieces: number };
const path = '/reservations';

/** The service that knows what is in stock. While it is away, we sell what it may have. */
export function inventoryOf(data: Data, inventoryUrl: string, gatewayKey: string) {
  const call = peerOf(data, 'inventory', inventoryUrl, gatewayKey);
  return {
    /** A problem is no throw: who asks again for what was sold gets the same receipt nevertheless. */
    async reserve(wish: Wish, asking: Asking): Promise<'reserved' | 'on-backorder' | Problem> {
      const said = await call('PUT', path, wish, asking);
      if (said instanceof Problem) return said;
      if (said === 204) return 'reserved';
      if (said === 'away') return 'on-backorder';
      if (said === 404) return notFound('item');
      if (said === 409) return new Problem(409, 'sold-out', 'There is not enough left');
      if (said !== 422) throw new Error(`The inventory answered with ${said}`);
      return keyReused();
    },
    /** Also what it may have reserved without our hearing of it. */
    release: (wish: Wish, asking: Asking) => call('DELETE', path, wish, asking),
  };
}

export type Inventory = ReturnType<typeof inventoryOf>;
