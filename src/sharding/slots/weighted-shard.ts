import { ConfigError, type Problem } from '../../errors/config-error.ts';
import { slotCountProblems } from './slot-map.ts';

/**
 * A shard that is to own slots.
 *
 * @see {@link createSlotMap}
 */
export interface WeightedShard {
  readonly name: string;
  /** Its share of the slots, in proportion to the other weights. Default 1. */
  readonly weight?: number | undefined;
}

/**
 * The shards with their weights, sorted by name: whatever is computed from them then cannot depend
 * on the order in which they were given.
 *
 * @throws ConfigError with every problem.
 */
export function sortShards(
  shards: readonly WeightedShard[],
  slots: number,
): { name: string; weight: number }[] {
  const problems: Problem[] = slotCountProblems(shards.length, slots);
  const seen = new Set<string>();
  for (const [index, { name, weight = 1 }] of shards.entries()) {
    const path = `shards.${name === '' ? index : name}`;
    if (name === '') problems.push({ path, message: 'has no name' });
    else if (seen.has(name)) problems.push({ path, message: 'is given twice' });
    seen.add(name);
    if (!(Number.isFinite(weight) && weight > 0)) {
      problems.push({
        path: `${path}.weight`,
        message: `must be finite and above 0, not ${weight}`,
      });
    }
  }
  if (problems.length > 0) throw new ConfigError('The shards cannot share the slots', problems);

  return shards
    .map(({ name, weight = 1 }) => ({ name, weight }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
