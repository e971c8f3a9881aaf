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
 * The endpoints of a shard in the order they are tried: replicas in region `here`, then the others,
 * each group in turns (`turn` counts the calls), and last the primary, as their stand-in.
 */
export function endpointOrder(
  { primary, replicas }: Shard,
  consistency: Consistency,
  turn: number,
  here?: string,
): readonly Endpoint[] {
  if (consistency !== 'primary' && consistency !== 'replica') {
    throw new ConfigError('Bad call options', [
      { path: 'consistency', message: "is 'primary' or 'replica'" },
    ]);
  }
  if (consistency === 'primary' || replicas.length === 0) return [primary];
  const near = replicas.filter(({ region }) => region === here);
  const far = replicas.filter(({ region }) => region !== here);
  return [...inTurn(near, turn), ...inTurn(far, turn), primary];
}

function inTurn(endpoints: readonly Endpoint[], turn: number): readonly Endpoint[] {
  if (endpoints.length < 2) return endpoints;
  const start = turn % endpoints.length;
  return [...endpoints.slice(start), ...endpoints.slice(0, start)];
}
