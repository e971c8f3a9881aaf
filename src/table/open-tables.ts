import { createHash } from 'node:crypto';
import type { Placement } from '../cache/memory/memory-tier.ts';
import { ReadThrough } from '../cache/read-through.ts';
import type { RedisStores } from '../cache/redis/redis-regions.ts';
import { type OpenDirectory, openIndex, openLookups } from '../directory/open-lookups.ts';
import type { TableLookups } from '../directory/table-lookups.ts';
import { ReadBatcher } from '../execution/batches/read-batcher.ts';
import type { CallGate } from '../execution/call-gate.ts';
import type { Executor } from '../execution/executor.ts';
import type { LoadGates } from '../execution/load-gates.ts';
import type { Forwarding } from '../forwarding/forwarding.ts';
import { unmoved } from '../forwarding/unmoved.ts';
import type { TableShape } from '../mysql/schema/table-shape.ts';
import type { Observer } from '../observability/events.ts';
import type { ReferenceRuntime } from '../reference/reference-runtime.ts';
import { Nearest, WriteTurns } from '../reference/reference-runtime.ts';
import { referenceStatements } from '../reference/reference-statements.ts';
import { keyspaceOf } from '../routing/router.ts';
import { auditedFor, type Who } from '../rows/audited.ts';
import { routePrimaryKey } from '../rows/route-row.ts';
import { RowCodec } from '../rows/row-codec.ts';
import { cacheLimits, versioning } from '../rows/schema/cache-limits.ts';
import { comparisonOf } from '../rows/schema/column-comparison.ts';
import type { RowOf, RowSchema } from '../rows/schema/define-table.ts';
import type { ReferencePlan, RowPlan, TablePlan } from '../rows/schema/table-plan.ts';
import { noSession } from '../rows/sessions/seen-writes.ts';
import { maxKeysPerStatement, tableStatements } from '../rows/statements.ts';
import type { RowsRuntime, TableRuntime } from '../rows/table-runtime.ts';
import type { IpLocator } from '../sharding/places/locate-place.ts';
import { mayHold } from '../sharding/places/residency.ts';
import type { ShardKey } from '../sharding/shard-key.ts';
import { perSnapshot } from '../topology/per-snapshot.ts';
import type { TopologyStore } from '../topology/topology-store.ts';

/** What all tables of a data layer share. */
export interface SharedParts {
  readonly topology: TopologyStore;
  readonly locateIp: IpLocator | undefined;
  readonly executor: Executor;
  readonly calls: CallGate;
  readonly redis: RedisStores | undefined;
  readonly gates: LoadGates;
  readonly who: Who;
  readonly forwarding: Forwarding;
  /** First part of every cache key. */
  readonly namespace: string;
  readonly observe: Observer;
  /** The most bytes of one statement that every server takes which is known by now. */
  maxPacketBytes(): number;
  /** The directory of unique values; undefined when no table has lookups. */
  readonly directory: OpenDirectory | undefined;
}

/** A table that is open, and what finds its rows by unique values. */
export interface OpenTable<Schema extends RowSchema> {
  readonly runtime: TableRuntime<Schema>;
  readonly lookups: TableLookups;
}

/** Builds what a checked table works with. */
export function openTable<Schema extends RowSchema>(
  plan: TablePlan<Schema>,
  shape: TableShape,
  shared: SharedParts,
): OpenTable<Schema> {
  const { table } = plan;
  const { keyspace, shardKey } = table;
  const { topology } = shared;
  const { strategy } = keyspaceOf(topology.current, keyspace);
  const forwarding = strategy === 'geo' ? shared.forwarding : unmoved;
  const { directory, namespace, redis, observe, who } = shared;
  const holdsAll = perSnapshot((snapshot) =>
    keyspaceOf(snapshot, keyspace).shards.every(({ region }) => mayHold(who.processRegion, region)),
  );
  const place = `${namespace}:${keyspace}:${table.name}`;
  const shardOf = (key: ShardKey) => routePrimaryKey(topology.current, table, key).shard.name;
  const home = { keyspace, shardKey, forwarding, shardOf };
  const rows = { ...openRows(plan, shape, home, shared), table };
  const lookups = openLookups(plan, directory, {
    place,
    redis,
    loadTimeoutMs: shared.calls.timeoutMs,
    observe,
    mayHoldAll: () => holdsAll(topology.current),
  });
  return { runtime: { ...rows, index: openIndex(rows, lookups, directory) }, lookups };
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
  const home = { keyspace: '@reference', shardKey: table.primaryKey, forwarding: unmoved };
  const rows = openRows(plan, shape, home, shared);
  const broadcast = referenceStatements(table.name, rows.codec.columns, table.primaryKey);
  return { ...rows, table, broadcast, nearest: new Nearest(region), turns: new WriteTurns() };
}

/** Where the rows of a table are looked for. */
interface RowsHome {
  readonly keyspace: string;
  readonly shardKey: string;
  readonly forwarding: Forwarding | typeof unmoved;
  /** The shard that a row's id names; undefined where every shard has every row. */
  shardOf?(key: ShardKey): string;
}

function openRows<Schema extends RowSchema>(
  plan: RowPlan<Schema>,
  shape: TableShape,
  { keyspace, shardKey, forwarding, shardOf }: RowsHome,
  shared: SharedParts,
): Omit<RowsRuntime<Schema>, 'table'> {
  const { topology, locateIp, executor, calls, redis, gates, who, namespace, observe } = shared;
  const { table, columns } = plan;
  const codec = new RowCodec(plan, shape);
  const placement = shardOf && {
    current: () => topology.current,
    of: (text: string) => shardOf(codec.keyOfText(text)),
  };
  const comparedAs = (column: string) =>
    comparisonOf(shape.columns.get(column), columns.get(column)?.kind === 'uuid');
  const compared = { key: comparedAs(table.primaryKey), owner: comparedAs(shardKey) };
  const { equality } = compared.key;
  const keysPerStatement = equality === 'collation' ? 1 : maxKeysPerStatement;
  const statements = tableStatements({
    table: table.name,
    columns: codec.columns,
    key: table.primaryKey,
    exactKey: equality === 'exact',
    shardKey,
    exactShardKey: compared.owner.equality === 'exact',
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
    cache: cacheOf(plan, codec, {
      namespace: `${namespace}:${keyspace}:${table.name}`,
      placement,
      redis,
      loadTimeoutMs: calls.timeoutMs,
      observe,
    }),
    batcher: new ReadBatcher(source, executor, observe),
    gates,
    compared,
    keysPerStatement,
    maxPacketBytes: shared.maxPacketBytes,
    topology,
    region: who.processRegion,
    audited: auditedFor(table.name, who, observe),
    forwarding,
    locateIp,
    executor,
    calls,
    seen: noSession,
  };
}

interface CacheParts {
  readonly namespace: string;
  readonly placement: Placement | undefined;
  readonly redis: RedisStores | undefined;
  readonly loadTimeoutMs: number;
  readonly observe: Observer;
}

function cacheOf<Schema extends RowSchema>(
  { table, columns }: RowPlan<Schema>,
  codec: RowCodec<Schema>,
  { namespace, placement, redis, loadTimeoutMs, observe }: CacheParts,
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
  // Rows are made by the codec, but for what a zod type of the application's makes of a column.
  const isOwn = ![...columns.values()].some(({ kind }) => kind === 'json' || kind === 'custom');
  return new ReadThrough<RowOf<Schema>>(
    {
      name: table.name,
      namespace,
      schema,
      decode: (value) => codec.tryCheck(value),
      ownsLoaded: isOwn,
      ownsDecoded: isOwn,
      refreshTimeoutMs: loadTimeoutMs,
      placement,
      ...cacheLimits(policy),
      ...versioning(policy),
    },
    redis,
    observe,
  );
}
