import { createHash } from 'node:crypto';
import { ReadThrough } from '../cache/read-through.ts';
import type { RedisStore } from '../cache/redis-store.ts';
import type { Problem } from '../errors/config-error.ts';
import type { Calls } from '../execution/calls.ts';
import type { Executor } from '../execution/executor.ts';
import { ReadBatcher } from '../execution/read-batcher.ts';
import { maxKeysPerStatement, tableStatements } from '../mysql/statements.ts';
import type { ColumnShape, TableShape } from '../mysql/table-shape.ts';
import type { Observer } from '../observability/events.ts';
import type { Topology } from '../topology/topology.ts';
import type { TopologyStore } from '../topology/topology-store.ts';
import { cacheLimits } from './cache-limits.ts';
import { checkAgreement, checkColumns } from './check-columns.ts';
import type { RowOf, RowSchema } from './define-table.ts';
import { type OpenDirectory, openLookups } from './open-lookups.ts';
import { RowCodec } from './row-codec.ts';
import type { TablePlan } from './table-plan.ts';
import type { TableRuntime } from './table-runtime.ts';

/** What all tables of a data layer share. */
export interface SharedParts {
  readonly topology: TopologyStore;
  readonly executor: Executor;
  readonly calls: Calls;
  readonly redis: RedisStore | undefined;
  /** First part of every cache key. */
  readonly namespace: string;
  readonly observe: Observer;
  /** The directory of unique values; undefined when no table has lookups. */
  readonly directory: OpenDirectory | undefined;
}

/** The shapes of every shard's tables, by shard. */
export type Shapes = ReadonlyMap<string, ReadonlyMap<string, TableShape>>;

/** Checks every plan on every shard of its keyspace; each problem is reported once. */
export function checkAllColumns(
  plans: readonly TablePlan[],
  topology: Topology,
  shapes: Shapes,
  problems: Problem[],
): void {
  for (const plan of plans) {
    const found = new Map<string, Problem>();
    const shards = topology.keyspaces.get(plan.table.keyspace)?.shards ?? [];
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
  { topology, executor, calls, redis, namespace, observe, directory }: SharedParts,
): TableRuntime<Schema> {
  const { table, columns } = plan;
  const codec = new RowCodec(plan, shape);
  const equality = keyEquality(
    shape.columns.get(table.primaryKey),
    columns.get(table.primaryKey)?.kind === 'uuid',
  );
  const keysPerStatement = equality === 'collation' ? 1 : maxKeysPerStatement;
  const statements = tableStatements({
    table: table.name,
    columns: codec.columns,
    key: table.primaryKey,
    exactKey: equality === 'exact',
  });
  const source = {
    table: table.name,
    selectByKeys: statements.selectByKeys,
    keyOf: codec.identityOf.bind(codec),
    keysPerStatement,
  };
  const place = `${namespace}:${table.keyspace}:${table.name}`;
  return {
    table,
    codec,
    statements,
    cache: cacheOf(plan, codec, place, redis, observe),
    batcher: new ReadBatcher(source, executor, observe),
    keysPerStatement,
    topology,
    executor,
    calls,
    lookups: directory && openLookups(plan, directory, { place, redis, observe }),
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
  { table, columns }: TablePlan<Schema>,
  codec: RowCodec<Schema>,
  namespace: string,
  redis: RedisStore | undefined,
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
