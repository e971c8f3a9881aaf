import { Redis, type RedisOptions } from 'ioredis';
import type { RedisLanes } from './plan.ts';
import { type Fence, takeOut } from './sabotage.ts';

type Options = Omit<RedisOptions, 'replyMapping'>;

/**
 * A client for a cache whose connections go by two ways in turn, commands and listening, so that one
 * of them can be broken alone.
 */
export function lanedRedis(lanes: RedisLanes, without: readonly Fence[]): Redis {
  let opened = 0;
  const open = (override: Options) => {
    const client = new Redis(opened++ % 2 === 0 ? lanes.commands : lanes.listening, override);
    for (const fence of without) takeOut(fence, client);
    // A template that never connects has nothing to say; the others' errors reach the cache too.
    client.on('error', () => {});
    return client;
  };
  const template = new Redis(lanes.commands, { lazyConnect: true });
  return Object.assign(template, { duplicate: (override: Options = {}) => open(override) });
}
