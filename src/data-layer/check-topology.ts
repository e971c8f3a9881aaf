import { isPerRegion } from '../cache/redis/redis-regions.ts';
import { didYouMean } from '../config/did-you-mean.ts';
import type { Problem } from '../errors/config-error.ts';
import { planTable, type TablePlan } from '../rows/schema/table-plan.ts';
import type { Topology } from '../topology/topology.ts';
import type { Setup } from './setup.ts';

/** Holds a topology that is to follow against tables and options. */
export function checkTopology(setup: Setup, topology: Topology, problems: Problem[]): void {
  const { config, plans } = setup;
  const context = { topology, directory: config.directory };
  for (const { label, table } of plans) planTable(label, table, context, problems);
  checkRegions(setup, topology, problems);
}

/** Whether the regions, and the keyspace of the directory, are there that the options name. */
export function checkRegions(
  { config, plans, redis }: Pick<Setup, 'config' | 'plans' | 'redis'>,
  topology: Topology | undefined,
  problems: Problem[],
): void {
  checkDirectory(config.directory?.keyspace, topology, problems);
  if (topology === undefined) return;
  checkProcessRegion(config.region, topology, plans, problems);
  checkRedisRegions(redis, config.region, topology, problems);
}

function checkDirectory(
  name: string | undefined,
  topology: Topology | undefined,
  problems: Problem[],
): void {
  if (name === undefined || topology === undefined) return;
  const keyspace = topology.keyspaces.get(name);
  if (keyspace?.strategy === 'hash') return;
  problems.push({
    path: 'directory.keyspace',
    message:
      keyspace === undefined
        ? `there is no keyspace '${name}'${didYouMean(name, topology.keyspaces.keys())}`
        : `'${name}' is geographic; the directory needs a hash keyspace`,
  });
}

function checkProcessRegion(
  region: string | undefined,
  topology: Topology,
  plans: readonly TablePlan[],
  problems: Problem[],
): void {
  if (region !== undefined) {
    if (topology.regions.has(region)) return;
    const known = didYouMean(region, topology.regions.keys());
    problems.push({ path: 'region', message: `the topology has no region '${region}'${known}` });
    return;
  }
  for (const { label, table } of plans) {
    const shards = topology.keyspaces.get(table.keyspace)?.shards ?? [];
    const strict = shards.find((shard) => shard.region.residency === 'strict')?.region;
    if (table.cache === undefined || strict === undefined) continue;
    problems.push({
      path: 'region',
      message:
        `is missing: tables.${label} is cached, and rows of region '${strict.name}' may be kept only where ` +
        'it says. Name the region in which this process runs',
    });
    return;
  }
}

function checkRedisRegions(
  redis: Setup['redis'],
  region: string | undefined,
  topology: Topology,
  problems: Problem[],
): void {
  if (!isPerRegion(redis)) return;
  for (const name of Object.keys(redis)) {
    if (topology.regions.has(name)) continue;
    const known = didYouMean(name, topology.regions.keys());
    problems.push({
      path: `redis.${name}`,
      message: `the topology has no region '${name}'${known}`,
    });
  }
  if (region === undefined) {
    problems.push({
      path: 'region',
      message: 'is missing: with a Redis for each region, say in which one this process runs',
    });
  } else if (!Object.hasOwn(redis, region)) {
    problems.push({ path: 'redis', message: `has none for '${region}', where this process runs` });
  }
}
