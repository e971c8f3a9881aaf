import type { Problem } from '../errors/config-error.ts';
import { DriverFault } from '../errors/driver-fault.ts';
import type { Executor } from '../execution/executor.ts';
import {
  createSystemTable,
  missingSystemTables,
  type SystemTable,
  systemTableDdl,
} from '../mysql/schema/system-tables.ts';
import type { Deadline } from '../resilience/time/deadline.ts';
import type { Shard } from '../topology/topology.ts';

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

/** The server's numbers for a right that is missing: on the table, and on the database. */
const mayNotCreate = new Set<number | undefined>([1142, 1044]);

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
        access: 'write',
        isRepeatable: true,
        deadline,
        run: async (session) => {
          const lacking = await missingSystemTables(session, tables, deadline);
          if (systemTables === 'verify') return lacking;
          try {
            for (const table of lacking) await createSystemTable(session, table, deadline);
          } catch (error) {
            if (!(error instanceof DriverFault && mayNotCreate.has(error.errno))) throw error;
            return lacking;
          }
          return [];
        },
      });
      if (missing.length === 0) return;
      const cure =
        systemTables === 'create'
          ? 'and its user may not create them. Grant it CREATE on this database'
          : "Start once with systemTables: 'create'";
      problems.push({
        path: `shards.${shard.name}.primary`,
        message: `this database lacks system tables${systemTables === 'create' ? ', ' : '. '}${cure}, or run:\n${missing
          .map(systemTableDdl)
          .join(';\n')};`,
      });
    }),
  );
}
