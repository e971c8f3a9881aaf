import { ConfigError } from '../errors/config-error.ts';
import type { Executor } from '../execution/executor.ts';
import { readIdentity } from '../identity/identity-table.ts';
import type { Deadline } from '../resilience/time/deadline.ts';
import type { Shard } from '../topology/topology.ts';
import { readTableSizes } from './table-sizes.ts';

/** What the tables of one shard hold together. */
export interface ShardSize {
  readonly rows: number;
  /** Data and indexes. */
  readonly bytes: number;
}

/**
 * Asks a shard's primary how much it holds.
 *
 * @throws {ConfigError} when its database says that it is another shard.
 */
export function readShardSize(
  executor: Executor,
  { name, keyspace, primary }: Shard,
  exact: boolean,
  deadline: Deadline,
): Promise<ShardSize> {
  return executor.run([primary], {
    access: 'read',
    deadline,
    run: async (session) => {
      const recorded = await readIdentity(session, deadline);
      if (recorded !== undefined && (recorded.shard !== name || recorded.keyspace !== keyspace)) {
        throw new ConfigError('The databases do not fit', [
          {
            path: `shards.${name}.primary`,
            message: `this database is shard '${recorded.shard}' of keyspace '${recorded.keyspace}'`,
          },
        ]);
      }
      const sizes = await readTableSizes(session, exact, deadline);
      return {
        rows: sizes.reduce((sum, { rows }) => sum + rows, 0),
        bytes: sizes.reduce((sum, { bytes }) => sum + bytes, 0),
      };
    },
  });
}
