import { ConfigError } from '../errors/config-error.ts';
import type { Endpoint, Shard } from '../topology/topology.ts';

/**
 * Where a read may be answered.
 *
 * - `primary`: by the newest committed data.
 * - `replica`: by a replica if there is one, which may lag.
 */
export type Consistency = 'primary' | 'replica';

/**
 * The endpoints of a shard in the order they are tried. Replicas take turns (`turn` counts the
 * calls) and the primary comes last, as their stand-in.
 */
export function endpointOrder(
  { primary, replicas }: Shard,
  consistency: Consistency,
  turn: number,
): readonly Endpoint[] {
  if (consistency !== 'primary' && consistency !== 'replica') {
    throw new ConfigError('Bad call options', [
      { path: 'consistency', message: "is 'primary' or 'replica'" },
    ]);
  }
  if (consistency === 'primary' || replicas.length === 0) return [primary];
  const start = turn % replicas.length;
  return [...replicas.slice(start), ...replicas.slice(0, start), primary];
}
