import { didYouMean } from '../../config/did-you-mean.ts';
import { ResidencyError } from '../../errors/residency-error.ts';
import { RoutingError } from '../../errors/routing-error.ts';
import { keyspaceOf } from '../../routing/router.ts';
import { mayHold } from '../../sharding/places/residency.ts';
import type { Keyspace, Shard, Topology } from '../../topology/topology.ts';
import type { TableRuntime } from '../table-runtime.ts';

/**
 * The shards whose rows this process may read in bulk: all of the table's keyspace, or those of
 * some regions.
 *
 * @throws {ResidencyError} when one of them is in a strict region whose rows it may not hold;
 * {@link RoutingError} for a region that has no shards.
 */
export function shardsInBulk(
  { table, region, audited }: TableRuntime,
  topology: Topology,
  regions: readonly string[] | undefined,
): readonly Shard[] {
  const shards = shardsIn(keyspaceOf(topology, table.keyspace), regions);
  audited('scatter', () => assertLawful(table.keyspace, shards, region));
  return shards;
}

/** The shards that are asked. A region that is misspelt must not be left out without a word. */
function shardsIn({ name, shards }: Keyspace, wanted: readonly string[] | undefined) {
  if (wanted === undefined) return shards;
  const regions = new Set(shards.map(({ region }) => region.name));
  for (const region of wanted) {
    if (regions.has(region)) continue;
    throw new RoutingError(
      `Keyspace '${name}' has no shards in region '${region}'${didYouMean(region, regions)}`,
      { keyspace: name },
    );
  }
  if (wanted.length > 0) return shards.filter(({ region }) => wanted.includes(region.name));
  throw new RoutingError('regions names none; leave it out to ask all shards.', { keyspace: name });
}

/** What is read in bulk is all that a region has, so it needs a process that may hold it. */
function assertLawful(keyspace: string, shards: readonly Shard[], here: string | undefined): void {
  const barred = shards.filter((shard) => !mayHold(here, shard.region));
  if (barred.length === 0) return;
  const strictRegions = [...new Set(barred.map(({ region }) => region.name))];
  const open = new Set(shards.map((shard) => shard.region.name));
  for (const name of strictRegions) open.delete(name);
  const place = here === undefined ? 'a process without a region' : `a process in region '${here}'`;
  throw new ResidencyError(
    `Rows of ${strictRegions.join(' and ')} may not be read everywhere by ${place}. ` +
      (open.size > 0
        ? `Ask the others with { regions: ${JSON.stringify([...open])} }, or let `
        : 'Let ') +
      `a process there run this${here === undefined ? '; the option region says where one runs' : ''}.`,
    { strictRegions, region: here },
    { keyspace },
  );
}
