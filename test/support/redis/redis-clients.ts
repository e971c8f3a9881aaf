import type { EventEmitter } from 'node:events';
import * as six from 'ioredis';
import * as five from 'ioredis-5';
import type { LocalRedis, RedisAddress } from 'meridian/testing';

/** Both majors of ioredis that Meridian takes clients of. */
export const ioredisMajors = [5, 6] as const;
export type IoredisMajor = (typeof ioredisMajors)[number];

export type IoredisClient = five.Redis | five.Cluster | six.Redis | six.Cluster;

interface SentinelOptions {
  readonly sentinels: RedisAddress[];
  readonly name: string;
}

interface Makers {
  standalone(url: string): IoredisClient;
  sentinel(options: SentinelOptions): IoredisClient;
  cluster(nodes: RedisAddress[]): IoredisClient;
}

const makers: Record<IoredisMajor, Makers> = {
  5: {
    standalone: (url) => new five.Redis(url),
    sentinel: (options) => new five.Redis(options),
    cluster: (nodes) => new five.Cluster(nodes),
  },
  6: {
    standalone: (url) => new six.Redis(url),
    sentinel: (options) => new six.Redis(options),
    cluster: (nodes) => new six.Cluster(nodes),
  },
};

/** A client of servers of any kind, with the settings that a user gets without asking for any. */
export function openIoredis(major: IoredisMajor, redis: LocalRedis): IoredisClient {
  const client = open(makers[major], redis);
  const emitter: EventEmitter = client;
  // While servers are down every attempt to connect is an event; unheard ones would be printed.
  emitter.on('error', () => undefined);
  return client;
}

function open(make: Makers, redis: LocalRedis): IoredisClient {
  switch (redis.kind) {
    case 'standalone':
      return make.standalone(redis.url);
    case 'sentinel':
      return make.sentinel({ sentinels: redis.sentinels, name: redis.name });
    case 'cluster':
      return make.cluster(redis.nodes);
  }
}
