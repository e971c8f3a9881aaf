import type { Call } from '../execution/call.ts';
import type { Executor } from '../execution/executor.ts';
import { type DatabaseRules, readDatabaseRules } from '../mysql/schema/table-rules.ts';
import {
  readMaxPacketBytes,
  readTableShapes,
  type TableShape,
} from '../mysql/schema/table-shape.ts';
import type { Shard } from '../topology/topology.ts';

/** What a shard's database was found to be like. */
export interface FoundDatabase {
  readonly shapes: ReadonlyMap<string, TableShape>;
  readonly rules: DatabaseRules;
  readonly maxPacketBytes: number;
}

/** Asks the primaries of shards what their databases are like. By shard. */
export async function readDatabases(
  executor: Executor,
  shards: readonly Shard[],
  call: Call,
): Promise<ReadonlyMap<string, FoundDatabase>> {
  const read = shards.map(async ({ name, primary }) => {
    const found = await executor.run([primary], {
      access: 'read',
      deadline: call,
      run: async (session): Promise<FoundDatabase> => ({
        maxPacketBytes: await readMaxPacketBytes(session, call),
        rules: await readDatabaseRules(session, call),
        shapes: await readTableShapes(session, call),
      }),
    });
    return [name, found] as const;
  });
  return new Map(await Promise.all(read));
}
