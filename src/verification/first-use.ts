import type { Problem } from '../errors/config-error.ts';
import { RoutingError } from '../errors/routing-error.ts';
import { type Asking, onPrimary } from '../execution/on-primary.ts';
import { movesTable } from '../forwarding/forward-table.ts';
import { readFacts } from '../identity/facts-table.ts';
import { placementFactOf } from '../identity/shared-facts.ts';
import type { Session } from '../mysql/server/session.ts';
import { quoteName, type RawRow } from '../mysql/sql/sql.ts';
import type { Deadline } from '../resilience/time/deadline.ts';
import { routeKey } from '../routing/router.ts';
import { routePrimaryKey } from '../rows/route-row.ts';
import type { Table } from '../rows/schema/define-table.ts';
import type { TablePlan } from '../rows/schema/table-plan.ts';
import type { ShardKey } from '../sharding/shard-key.ts';
import type { Shard, Topology } from '../topology/topology.ts';

/** Rows that are looked at from each end of a table: one that was never divided shows it within a few. */
const rowsOfEachEnd = 1_000;

/** The server's numbers for a table and for a column that is missing, which is told elsewhere. */
const missing = new Set<unknown>([1146, 1054]);

export interface FirstUse extends Asking {
  readonly topology: Topology;
  readonly plans: readonly TablePlan[];
}

/**
 * Looks at the rows of tables that no service has used yet: a topology that looks for them elsewhere
 * would not find them, and store some a second time.
 */
export async function checkFirstUse(
  use: FirstUse,
  shards: readonly Shard[],
  problems: Problem[],
): Promise<void> {
  for (const keyspace of new Set(shards.map((shard) => shard.keyspace))) {
    const members = shards.filter((shard) => shard.keyspace === keyspace);
    const plans = use.plans.filter(({ table }) => table.keyspace === keyspace);
    const unused = await Promise.all(
      members.map(async (shard) => {
        const facts = await onPrimary(use, shard, readFacts);
        const fresh = plans.filter(({ table }) => !facts.has(placementFactOf(table.name)));
        return fresh.map((plan) => ({ shard, plan }));
      }),
    );
    const fresh = unused.flat();
    // Owners who have moved keep ids that name another place, and only who used the tables moved them.
    if (fresh.length === 0 || (await haveMoves(use, members))) continue;
    for (const { shard, plan } of fresh) await checkTable(use, shard, plan, problems);
  }
}

async function checkTable(
  use: FirstUse,
  shard: Shard,
  { label, table }: TablePlan,
  problems: Problem[],
): Promise<void> {
  const rows = await onPrimary(use, shard, (session, deadline) =>
    bothEnds(session, table, deadline),
  );
  const lost = rows.filter((row) => !belongs(use.topology, table, shard, row));
  if (lost.length > 0) problems.push(misplaced(label, shard, lost.length, rows.length));
}

async function haveMoves(asking: Asking, shards: readonly Shard[]): Promise<boolean> {
  const sql = `SELECT 1 AS moves FROM ${movesTable} LIMIT 1`;
  const found = await Promise.all(
    shards.map((shard) =>
      onPrimary(asking, shard, (session, deadline) => readIfThere(session, sql, deadline)),
    ),
  );
  return found.some((rows) => rows.length > 0);
}

async function bothEnds(
  session: Session,
  { name, primaryKey, shardKey }: Table,
  deadline: Deadline,
): Promise<readonly RawRow[]> {
  const key = quoteName(primaryKey);
  const sql = `SELECT ${key} AS id, ${quoteName(shardKey)} AS owner FROM ${quoteName(name)} ORDER BY ${key}`;
  const read = (order: 'ASC' | 'DESC') =>
    readIfThere(session, `${sql} ${order} LIMIT ${rowsOfEachEnd}`, deadline);
  const first = await read('ASC');
  return first.length < rowsOfEachEnd ? first : [...first, ...(await read('DESC'))];
}

async function readIfThere(
  session: Session,
  sql: string,
  deadline: Deadline,
): Promise<readonly RawRow[]> {
  try {
    return (await session.run({ sql, params: [] }, deadline)).rows;
  } catch (error) {
    if (error instanceof Error && 'errno' in error && missing.has(error.errno)) return [];
    throw error;
  }
}

/** Whether both its id and its shard key lead to the shard where the row is. */
function belongs(topology: Topology, table: Table, shard: Shard, { id, owner }: RawRow): boolean {
  if (!isKey(id) || !isKey(owner)) return false;
  try {
    const places = [
      routePrimaryKey(topology, table, id),
      routeKey(topology, table.keyspace, owner),
    ];
    return places.every((place) => place.shard.name === shard.name);
  } catch (error) {
    if (error instanceof RoutingError) return false;
    throw error;
  }
}

function isKey(value: unknown): value is ShardKey {
  return (
    typeof value === 'string' ||
    typeof value === 'number' ||
    typeof value === 'bigint' ||
    value instanceof Uint8Array
  );
}

function misplaced(label: string, shard: Shard, lost: number, seen: number): Problem {
  return {
    path: `tables.${label}`,
    message:
      `shard '${shard.name}' holds rows that would not be found there: ${lost} of the ${seen} that were looked at belong to another shard, ` +
      'or have an id that names none. Databases that are used for the first time are empty, or hold each row where its key leads: ' +
      'read the rows out, and insert them with a data layer over new databases (docs/guides/getting-started.md).',
  };
}
