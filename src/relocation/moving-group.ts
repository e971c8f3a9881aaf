import type { Executor } from '../execution/executor.ts';
import { type RecordedFacts, readFacts } from '../identity/facts-table.ts';
import { recordedMembers } from '../identity/shared-facts.ts';
import {
  readLeadingColumns,
  readTableShapes,
  readVersionedTables,
  type TableShape,
} from '../mysql/schema/table-shape.ts';
import type { SqlValue } from '../mysql/sql/sql.ts';
import type { Deadline } from '../resilience/time/deadline.ts';
import { uuidFromBytes } from '../sharding/ids/uuid.ts';
import type { Shard } from '../topology/topology.ts';
import { type ForeignKey, readForeignKeys } from './foreign-keys.ts';
import { unfit } from './relocation-refusals.ts';
import { type CopiedTable, isBinaryId, storedColumns, uncopyableColumns } from './row-copy.ts';

/** One table of a group by its names. */
export interface GroupTable {
  readonly table: string;
  readonly primaryKey: string;
  /** The column that holds the owner's id: in the owners' own table the primary key. */
  readonly ownerColumn: string;
}

/** Tables whose rows live and move together: the owners' first. */
export type Group = readonly [GroupTable, ...GroupTable[]];

interface ShardShape {
  readonly shapes: ReadonlyMap<string, TableShape>;
  /** `table.column` of every column that an index begins with. */
  readonly leading: ReadonlySet<string>;
  /** Tables that keep their history. */
  readonly versioned: ReadonlySet<string>;
  readonly foreignKeys: readonly ForeignKey[];
  /** What services that share the shard have recorded. */
  readonly facts: RecordedFacts;
}

/** What is copied of a group, and what its rows refer to. */
export interface CopiedGroup {
  readonly tables: readonly CopiedTable[];
  readonly foreignKeys: readonly ForeignKey[];
}

/**
 * A group that may be moved from one shard to another.
 *
 * @throws {RelocationError} when the shards differ, or something stands in the way.
 */
export async function copiedGroup(
  group: Group,
  from: Shard,
  to: Shard,
  executor: Executor,
  deadline: Deadline,
): Promise<CopiedGroup> {
  const [source, target] = await Promise.all([
    readShape(from, executor, deadline),
    readShape(to, executor, deadline),
  ]);
  const tables = matchTables(group, from, source, to, target);
  for (const { table } of group) {
    if (!source.versioned.has(table) && !target.versioned.has(table)) continue;
    throw unfitTable(
      table,
      'is system-versioned, and its history would stay behind; keep its rows where they are, or DROP SYSTEM VERSIONING',
    );
  }
  const names = new Set(group.map(({ table }) => table));
  for (const { table, parent } of source.foreignKeys) {
    if (names.has(table) || !names.has(parent)) continue;
    throw unfitTable(
      parent,
      `is referred to by '${table}', which is no table of this group, so its rows would be cut off. ` +
        'Make it a member of the group, or drop its foreign key',
    );
  }
  const known = new Map(
    [...source.foreignKeys, ...target.foreignKeys].map((key) => [JSON.stringify(key), key]),
  );
  return { tables, foreignKeys: [...known.values()] };
}

/**
 * What has to be copied of each table: every column that both shards store, whether the schema knows
 * it or not.
 *
 * @throws {RelocationError} when the shards differ, or a column or an index stands in the way.
 */
export async function copiedTables(
  group: Group,
  from: Shard,
  to: Shard,
  executor: Executor,
  deadline: Deadline,
): Promise<CopiedTable[]> {
  const [source, target] = await Promise.all([
    readShape(from, executor, deadline),
    readShape(to, executor, deadline),
  ]);
  return matchTables(group, from, source, to, target);
}

function matchTables(
  group: Group,
  from: Shard,
  source: ShardShape,
  to: Shard,
  target: ShardShape,
): CopiedTable[] {
  assertWhole(group, source.facts);
  assertWhole(group, target.facts);
  return group.map((entry) => {
    const here = source.shapes.get(entry.table);
    const there = target.shapes.get(entry.table);
    if (here === undefined || there === undefined) {
      throw unfitTable(entry.table, `is missing on ${here === undefined ? from.name : to.name}`);
    }
    const columns = storedColumns(here);
    const signature = (shape: TableShape) =>
      storedColumns(shape)
        .map(({ name, columnType }) => `${name} ${columnType}`)
        .sort()
        .join(', ');
    if (signature(here) !== signature(there)) {
      throw unfitTable(
        entry.table,
        `has other columns on ${from.name} than on ${to.name}; make them the same`,
      );
    }
    const [odd] = uncopyableColumns(columns);
    if (odd !== undefined)
      throw unfitTable(entry.table, `has column '${odd}' of a type that can't be copied`);
    const primaryKey = here.columns.get(entry.primaryKey);
    const ownerColumn = here.columns.get(entry.ownerColumn);
    if (primaryKey === undefined || ownerColumn === undefined) {
      throw unfitTable(entry.table, 'lacks its key columns');
    }
    if (!source.leading.has(`${entry.table}.${entry.ownerColumn}`)) {
      throw unfitTable(
        entry.table,
        `has no index on '${entry.ownerColumn}', so the rows of all owners would be locked; ` +
          `run: ALTER TABLE ${entry.table} ADD INDEX (${entry.ownerColumn})`,
      );
    }
    return { table: entry.table, primaryKey, ownerColumn, columns };
  });
}

/** As `copiedGroup` does, by what a shard has on record now. */
export async function assertWholeOn(
  shard: Shard,
  group: Group,
  executor: Executor,
  deadline: Deadline,
): Promise<void> {
  const facts = await executor.run([shard.primary], {
    access: 'read',
    deadline,
    run: (session) => readFacts(session, deadline),
  });
  assertWhole(group, facts);
}

/** A table that only other services know would stay behind. */
function assertWhole(group: Group, facts: RecordedFacts): void {
  const [{ table: owners }] = group;
  const names = new Set(group.map(({ table }) => table));
  const unknown = recordedMembers(facts, owners).filter((table) => !names.has(table));
  if (unknown.length === 0) return;
  throw unfitTable(
    owners,
    `owns rows of ${unknown.map((table) => `'${table}'`).join(', ')} as well, which this service does not declare, so they would stay behind. ` +
      'Declare the whole group where owners are moved',
  );
}

/** An owner's id in the form in which a table holds it. */
export function ownerParam({ ownerColumn }: CopiedTable, owner: Buffer): SqlValue {
  return isBinaryId(ownerColumn) ? owner : uuidFromBytes(owner);
}

function readShape(shard: Shard, executor: Executor, deadline: Deadline): Promise<ShardShape> {
  return executor.run([shard.primary], {
    access: 'read',
    deadline,
    run: async (session) => ({
      shapes: await readTableShapes(session, deadline),
      leading: await readLeadingColumns(session, deadline),
      versioned: await readVersionedTables(session, deadline),
      foreignKeys: await readForeignKeys(session, deadline),
      facts: await readFacts(session, deadline),
    }),
  });
}

function unfitTable(table: string, what: string): Error {
  return unfit(`: table '${table}' ${what}.`, { table });
}
