import { createHash } from 'node:crypto';
import { ReadThrough } from '../cache/read-through.ts';
import type { RedisStores } from '../cache/redis-regions.ts';
import type { Forwarding } from '../distributed/forwarding.ts';
import type { Problem } from '../errors/config-error.ts';
import type { Calls } from '../execution/calls.ts';
import type { Executor } from '../execution/executor.ts';
import { ReadBatcher } from '../execution/read-batcher.ts';
import { referenceStatements } from '../mysql/reference-statements.ts';
import { maxKeysPerStatement, tableStatements } from '../mysql/statements.ts';
import type { ColumnShape, TableShape } from '../mysql/table-shape.ts';
import type { Observer } from '../observability/events.ts';
import { keyspaceOf } from '../routing/router.ts';
import type { IpLocator } from '../sharding/locate-place.ts';
import { mayHold } from '../sharding/residency.ts';
import type { Shard, Topology } from '../topology/topology.ts';
import type { TopologyStore } from '../topology/topology-store.ts';
import { auditedFor, type Who } from './audited.ts';
import { cacheLimits } from './cache-limits.ts';
import { checkAgreement, checkColumns } from './check-columns.ts';
import type { RowOf, RowSchema } from './define-table.ts';
import { type OpenDirectory, openLookups } from './open-lookups.ts';
import type { ReferenceRuntime } from './reference-runtime.ts';
import { Nearest } from './reference-runtime.ts';
import { RowCodec } from './row-codec.ts';
import type { ReferencePlan, RowPlan, TablePlan } from './table-plan.ts';
import type { TableRuntime } from './table-runtime.ts';

/** What all tables of a data layer share. */
export interface SharedParts {
  readonly topology: TopologyStore;
  readonly locateIp: IpLocator | undefined;
  readonly executor: Executor;
  readonly calls: Calls;
  readonly redis: RedisStores | undefined;
  readonly who: Who;
  readonly forwarding: Forwarding;
  /** First part of every cache key. */
  readonly namespace: string;
  readonly observe: Observer;
  /** The directory of unique values; undefined when no table has lookups. */
  readonly directory: OpenDirectory | undefined;
}

/** The shapes of every shard's tables, by shard. */
export type Shapes = ReadonlyMap<string, ReadonlyMap<string, TableShape>>;

/** A plan and the shards that must hold its table. */
export interface SpreadPlan {
  readonly plan: RowPlan;
  readonly shards: readonly Shard[];
}

/** Where the tables of all plans must be: on the shards of their keyspace, or on every shard. */
export function spreadPlans(
  plans: readonly TablePlan[],
  references: readonly ReferencePlan[],
  topology: Topology,
): SpreadPlan[] {
  const everyShard = [...topology.shards.values()];
  return [
    ...plans.map((plan) => ({
      plan,
      shards: topology.keyspaces.get(plan.table.keyspace)?.shards ?? [],
    })),
    ...references.map((plan) => ({ plan, shards: everyShard })),
  ];
}

/** Checks every plan on every shard that must hold its table; each problem is reported once. */
export function checkAllColumns(
  plans: readonly SpreadPlan[],
  shapes: Shapes,
  problems: Problem[],
): void {
  for (const { plan, shards } of plans) {
    const found = new Map<string, Problem>();
    const shapeOn = (shard: string) => ({ shard, shape: shapes.get(shard)?.get(plan.table.name) });
    const first = shapeOn(shards[0]?.name ?? '');
    for (const { name } of shards) {
      const onShard: Problem[] = [];
      checkColumns(plan, shapes.get(name) ?? new Map(), name, onShard);
      checkAgreement(plan, first, shapeOn(name), onShard);
      // The same mistake on every shard is one mistake.
      for (const problem of onShard) if (!found.has(problem.path)) found.set(problem.path, problem);
    }
    problems.push(...found.values());
  }
}

/** Builds what a checked table works with. */
export function openTable<Schema extends RowSchema>(
  plan: TablePlan<Schema>,
  shape: TableShape,
  shared: SharedParts,
): TableRuntime<Schema> {
  const { table } = plan;
  const { keyspace, shardKey } = table;
  const { strategy, shards } = keyspaceOf(shared.topology.current, keyspace);
  const forwarding = strategy === 'geo' ? shared.forwarding : undefined;
  const { directory, namespace, redis, observe, who } = shared;
  const mayHoldAll = shards.every(({ region }) => mayHold(who.processRegion, region));
  const place = `${namespace}:${keyspace}:${table.name}`;
  return {
    ...openRows(plan, shape, { keyspace, shardKey, forwarding }, shared),
    table,
    lookups: directory && openLookups(plan, directory, { place, redis, observe, mayHoldAll }),
  };
}

/** Builds what a checked reference table works with. */
export function openReference<Schema extends RowSchema>(
  plan: ReferencePlan<Schema>,
  shape: TableShape,
  region: string | undefined,
  shared: SharedParts,
): ReferenceRuntime<Schema> {
  const { table } = plan;
  // No keyspace can have this name, so no cached row of another table is met under it.
  const home = { keyspace: '@reference', shardKey: table.primaryKey, forwarding: undefined };
  const rows = openRows(plan, shape, home, shared);
  const broadcast = referenceStatements(table.name, rows.codec.columns, table.primaryKey);
  return { ...rows, table, broadcast, nearest: new Nearest(region) };
}

/** Where the rows of a table are looked for. */
interface RowsHome {
  readonly keyspace: string;
  readonly shardKey: string;
  readonly forwarding: Forwarding | undefined;
}

function openRows<Schema extends RowSchema>(
  plan: RowPlan<Schema>,
  shape: TableShape,
  { keyspace, shardKey, forwarding }: RowsHome,
  { topology, locateIp, executor, calls, redis, who, namespace, observe }: SharedParts,
): Omit<TableRuntime<Schema>, 'table'> {
  const { table, columns } = plan;
  const codec = new RowCodec(plan, shape);
  const equalityOf = (column: string) =>
    keyEquality(shape.columns.get(column), columns.get(column)?.kind === 'uuid');
  const equality = equalityOf(table.primaryKey);
  const keysPerStatement = equality === 'collation' ? 1 : maxKeysPerStatement;
  const statements = tableStatements({
    table: table.name,
    columns: codec.columns,
    key: table.primaryKey,
    exactKey: equality === 'exact',
    shardKey,
    exactShardKey: equalityOf(shardKey) === 'exact',
  });
  const source = {
    table: table.name,
    selectByKeys: statements.selectByKeys,
    keyOf: codec.identityOf.bind(codec),
    keysPerStatement,
  };
  return {
    codec,
    statements,
    cache: cacheOf(plan, codec, `${namespace}:${keyspace}:${table.name}`, redis, observe),
    batcher: new ReadBatcher(source, executor, observe),
    keysPerStatement,
    topology,
    region: who.processRegion,
    audited: auditedFor(table.name, who, observe),
    forwarding,
    locateIp,
    executor,
    calls,
    lookups: undefined,
  };
}

/**
 * How SQL compares the key. `exact`: as JavaScript does. `padded`: but for spaces at the end.
 * `collation`: `ada` and `ADA` may be one.
 */
function keyEquality(
  column: ColumnShape | undefined,
  isUuid: boolean,
): 'exact' | 'padded' | 'collation' {
  const collation = column?.collation;
  if (collation === undefined || collation === 'binary') return 'exact';
  // A UUID is one key in either letter case, which is what such a collation says too.
  if (!collation.endsWith('_bin')) return isUuid ? 'exact' : 'collation';
  return collation.includes('nopad') || collation.includes('0900') ? 'exact' : 'padded';
}

function cacheOf<Schema extends RowSchema>(
  { table, columns }: RowPlan<Schema>,
  codec: RowCodec<Schema>,
  namespace: string,
  redis: RedisStores | undefined,
  observe: Observer,
): ReadThrough<RowOf<Schema>> | undefined {
  const policy = table.cache;
  if (policy === undefined) return undefined;
  const schema = createHash('sha256')
    .update(
      JSON.stringify(
        [...columns].map(([name, { kind, nullable, optional }]) => [
          name,
          kind,
          nullable,
          optional,
        ]),
      ),
    )
    .digest('base64url')
    .slice(0, 8);
  return new ReadThrough<RowOf<Schema>>(
    {
      name: table.name,
      namespace,
      schema,
      decode: (value) => codec.tryCheck(value),
      ...cacheLimits(policy, redis !== undefined),
    },
    redis,
    observe,
  );
}
