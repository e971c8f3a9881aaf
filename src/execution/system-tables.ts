import type { Problem } from '../errors/config-error.ts';
import {
  createSystemTable,
  missingSystemTables,
  type SystemTable,
  systemTableDdl,
} from '../mysql/system-tables.ts';
import type { Deadline } from '../resilience/deadline.ts';
import type { Shard } from '../topology/topology.ts';
import type { Executor } from './executor.ts';

/** The system tables that a shard must have. */
export interface SystemTableNeed {
  readonly shard: Shard;
  readonly tables: readonly SystemTable[];
}

interface Means {
  readonly executor: Executor;
  readonly deadline: Deadline;
  /** Whether tables that are missing may be created. */
  readonly systemTables: 'create' | 'verify';
}

/** Makes sure that each shard has the system tables that it needs; a problem holds the DDL. */
export async function ensureSystemTables(
  { executor, deadline, systemTables }: Means,
  needs: readonly SystemTableNeed[],
  problems: Problem[],
): Promise<void> {
  await Promise.all(
    needs.map(async ({ shard, tables }) => {
      if (tables.length === 0) return;
      const missing = await executor.run([shard.primary], {
        access: 'read',
        deadline,
        run: async (session) => {
          const lacking = await missingSystemTables(session, tables, deadline);
          if (systemTables === 'verify') return lacking;
          for (const table of lacking) await createSystemTable(session, table, deadline);
          return [];
        },
      });
      if (missing.length === 0) return;
      problems.push({
        path: `shards.${shard.name}.primary`,
        message:
          `this database lacks system tables. Start once with systemTables: 'create', or run:\n` +
          `${missing.map(systemTableDdl).join(';\n')};`,
      });
    }),
  );
}
