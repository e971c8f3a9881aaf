import type { DirectoryKey } from '../config/directory-options.ts';
import { keysFactOf } from '../identity/directory-keys.ts';
import { shardSetFact, shardSetOf } from '../identity/shard-set.ts';
import {
  type Declared,
  type FactFamily,
  keepMsFact,
  memberPlacement,
  placementFactOf,
  type SharedFact,
  topologyFacts,
} from '../identity/shared-facts.ts';
import { versioning } from '../rows/schema/cache-limits.ts';
import type { ReferencePlan, TablePlan } from '../rows/schema/table-plan.ts';
import type { Shard, Topology } from '../topology/topology.ts';
import type { SpreadPlan } from './check-tables.ts';

/** What a data layer says of data that other services may share. */
export interface Sharing {
  /** What all Redis are called that services share; undefined without Redis. */
  readonly redis: string | undefined;
  /** Where unique values are kept. */
  readonly directoryKeyspace: string | undefined;
  /** Under which personal values are hashed; the first is the one that is asked with. */
  readonly directoryKeys: readonly DirectoryKey[];
  /** Milliseconds for which idempotency keys are remembered. */
  readonly keepMs: number;
}

/** What a service says of one shard, its keyspace and its tables. */
export function declaredFacts(
  spread: readonly SpreadPlan[],
  topology: Topology,
  sharing: Sharing,
  shard: Shard,
): Declared {
  const own = topologyFacts(topology, shard);
  const tables = tableFacts(spread, topology, sharing, shard);
  return {
    facts: [...own.facts, ...tables.facts],
    families: [...own.families, ...tables.families],
  };
}

/** Whether it has to say all the time which Redis it uses. */
export function sharesRedis(spread: readonly SpreadPlan[], { redis }: Sharing): boolean {
  return redis !== undefined && spread.some(({ plan }) => plan.table.cache !== undefined);
}

/** What a service says of the tables of one shard, which all that share them must say as well. */
function tableFacts(
  spread: readonly SpreadPlan[],
  topology: Topology,
  sharing: Sharing,
  shard: Shard,
): Declared {
  const facts: SharedFact[] = [
    {
      name: keepMsFact,
      value: String(Math.round(sharing.keepMs)),
      rule: 'largest',
      path: 'idempotency.keepMs',
      what: 'the time for which idempotency keys are kept',
      cure: '',
    },
  ];
  if (spread.some(({ plan }) => 'reference' in plan.table))
    facts.push(shardSetOfReferences(topology));
  const families: FactFamily[] = [];
  const isGeo = topology.keyspaces.get(shard.keyspace)?.strategy === 'geo';
  for (const { plan, shards } of spread) {
    if (!shards.some(({ name }) => name === shard.name)) continue;
    facts.push(placementFact(plan, isGeo), ...cacheFact(plan, sharing));
    if (!('lookups' in plan)) continue;
    facts.push(...lookupFacts(plan, sharing));
    families.push(lookupFamily(plan));
  }
  return { facts, families };
}

/** What a service with reference tables says of the shards that it writes them to. */
function shardSetOfReferences(topology: Topology): SharedFact {
  return {
    name: shardSetFact,
    value: `${topology.epoch} ${shardSetOf(topology)}`,
    rule: 'newest',
    path: 'shards',
    what: 'the list of shards that reference tables are on, after its epoch,',
    cure:
      'Of two lists with one epoch nobody knows which one is meant, and reference tables would be written to some shards only. ' +
      'Raise the epoch with every shard that joins or leaves.',
  };
}

type AnyPlan = TablePlan | ReferencePlan;

function placementFact({ label, table }: AnyPlan, isGeo: boolean): SharedFact {
  return {
    name: placementFactOf(table.name),
    value: placementOf(table, isGeo),
    rule: 'same',
    path: `tables.${label}`,
    what: 'where its rows live',
    cure: 'Services that place rows of one table in different ways do not find those of each other. Define it alike in all of them.',
    forgetWhen:
      'If no service defines it like that any more, and its rows live where this one looks for them',
  };
}

/** In a hash keyspace a group says nothing of where rows live: owners are not moved there. */
function placementOf(table: AnyPlan['table'], isGeo: boolean): string {
  if ('reference' in table) return 'reference';
  if (table.group === undefined || !isGeo) return `by ${table.shardKey}`;
  return memberPlacement(table.group.name, table.shardKey);
}

function cacheFact({ label, table }: AnyPlan, { redis }: Sharing): SharedFact[] {
  return [
    {
      name: `table/${table.name}/cache`,
      value: cacheOf(table, redis),
      rule: 'same',
      path: `tables.${label}.cache`,
      what: 'the cache of its rows',
      cure:
        'Who writes a table must make the cached rows of all services be forgotten, and leave a mark of the change where rows ' +
        'have a version: give all of them a cache of this table with the same version and maxLagMs (other times may differ), ' +
        'the same cache.namespace and the same Redis.',
      forgetWhen: 'Once every service that writes it is stopped or says the same as this one',
    },
  ];
}

function cacheOf(table: AnyPlan['table'], redis: string | undefined): string {
  if (table.cache === undefined) return 'none';
  if (redis === undefined) return 'memory';
  const { version } = table.cache;
  const marks =
    version === undefined ? '' : ` version ${version} lag ${versioning(table.cache).markMs}`;
  return `redis ${redis}${marks}`;
}

/** Names what services share: a Redis for all, or one for each of some regions, by their codes. */
export function sharedRedisName(
  namespace: string,
  regions: readonly string[] | undefined,
  topology: Topology,
): string {
  if (regions === undefined) return namespace;
  const codes = regions.map((name) => topology.regions.get(name)?.code ?? 0);
  return `${namespace} in regions ${codes.sort((a, b) => a - b).join(' ')}`;
}

function lookupFacts({ label, table, lookups }: TablePlan, sharing: Sharing): SharedFact[] {
  const ids = sharing.directoryKeys.map(({ id }) => id.toString('hex'));
  return lookups.flatMap(({ column, personal }): SharedFact[] => {
    const path = `tables.${label}.lookups.${column}`;
    const kept: SharedFact = {
      name: `${lookupPrefix(table.name)}${column}`,
      value: `${personal ? 'personal' : 'plain'} in ${sharing.directoryKeyspace ?? 'none'}`,
      rule: 'same',
      path,
      what: 'where and how its values are kept',
      cure: 'Values that services keep in different ways are not unique. Define the lookup and the option directory alike in all of them.',
      forgetWhen:
        'If no service keeps it like that any more (then backfill it: values are not found until they are entered anew)',
    };
    return personal ? [kept, keysFact(table.name, column, path, ids)] : [kept];
  });
}

/** What a service says of the keys of one lookup, by their ids. */
function keysFact(table: string, column: string, path: string, ids: readonly string[]): SharedFact {
  return {
    name: keysFactOf(table, column),
    value: ids.join(' '),
    rule: 'keys',
    path: 'directory.keys',
    what: `the list of keys for ${path}`,
    cure: `See "To change the key" in docs/guides/directory.md; backfill('${column}') enters the values of all rows under the keys of the service that runs it.`,
    forgetWhen:
      'If no service has the recorded keys any more, backfill again after this: until then values are not found',
  };
}

function lookupFamily({ label, table }: TablePlan): FactFamily {
  return {
    prefix: lookupPrefix(table.name),
    path: `tables.${label}.lookups`,
    describe: (column) =>
      `leaves out '${column}', which another service keeps unique: rows written here would not be found by it, and hold values that others have. Declare it here as well.`,
    forgetWhen:
      'If no service declares it any more (should one declare it again later, backfill it first: what was written meanwhile is not entered)',
  };
}

function lookupPrefix(table: string): string {
  return `table/${table}/lookup/`;
}
