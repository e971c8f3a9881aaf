import { Cluster, Redis, type RedisOptions } from 'ioredis';
import type { RedisGiven, RedisLanes } from './plan.ts';
import { type Fence, takeOut } from './sabotage.ts';

type Options = Omit<RedisOptions, 'replyMapping'>;

/** A client for a cache, each of whose connections lacks the fences that are taken out. */
export function clientOf(given: RedisGiven, without: readonly Fence[]): Redis | Cluster {
  switch (given.kind) {
    case 'lanes':
      return lanedRedis(given, without);
    case 'sentinels': {
      const { sentinels, name } = given;
      return sabotaged(new Redis({ sentinels, name, lazyConnect: true }), without);
    }
    case 'nodes':
      return sabotagedCluster(new Cluster(given.nodes), without);
  }
}

/** Its connections go by two ways in turn, so that one of them can be broken alone. */
function lanedRedis(lanes: RedisLanes, without: readonly Fence[]): Redis {
  let opened = 0;
  const open = (override: Options) => {
    const url = opened++ % 2 === 0 ? lanes.commands : lanes.listening;
    return withoutFences(new Redis(url, override), without);
  };
  const template = new Redis(lanes.commands, { lazyConnect: true });
  return Object.assign(template, { duplicate: (override: Options = {}) => open(override) });
}

function sabotaged(template: Redis, without: readonly Fence[]): Redis {
  const duplicate = template.duplicate.bind(template);
  return Object.assign(template, {
    duplicate: (override: Options = {}) => withoutFences(duplicate(override), without),
  });
}

function sabotagedCluster(cluster: Cluster, without: readonly Fence[]): Cluster {
  const nodes = cluster.nodes.bind(cluster);
  const known = new WeakSet<Redis>();
  const sabotagedNodes: typeof nodes = (role) =>
    nodes(role).map((node) => {
      if (known.has(node)) return node;
      known.add(node);
      return sabotaged(node, without);
    });
  // While no node answers it says so; so do the cache's own connections.
  cluster.on('error', () => {});
  return Object.assign(cluster, { nodes: sabotagedNodes });
}

function withoutFences(client: Redis, without: readonly Fence[]): Redis {
  for (const fence of without) takeOut(fence, client);
  // A template that never connects has nothing to say; the others' errors reach the cache too.
  client.on('error', () => {});
  return client;
}
