import {
  type ClusterRedis,
  type LocalRedis,
  type LocalRedisOptions,
  type SentinelRedis,
  type StandaloneRedis,
  startLocalRedis,
} from 'meridian/testing';
import { expectTypeOf, it } from 'vitest';

it('the kind decides what is returned', () => {
  expectTypeOf(startLocalRedis({ kind: 'standalone' })).resolves.toEqualTypeOf<StandaloneRedis>();
  expectTypeOf(startLocalRedis({ kind: 'sentinel' })).resolves.toEqualTypeOf<SentinelRedis>();
  expectTypeOf(startLocalRedis({ kind: 'cluster' })).resolves.toEqualTypeOf<ClusterRedis>();
  expectTypeOf<(options: LocalRedisOptions) => Promise<LocalRedis>>(startLocalRedis);
});

it('each kind has its own fields', () => {
  expectTypeOf<StandaloneRedis>().not.toHaveProperty('failover');
  expectTypeOf<SentinelRedis>().not.toHaveProperty('url');
  expectTypeOf<ClusterRedis>().not.toHaveProperty('sentinels');
});

it('what a kind cannot do is not taken', () => {
  // @ts-expect-error one server has no replicas
  startLocalRedis({ kind: 'standalone', replicas: 1 });
  // @ts-expect-error Sentinels need a replica to promote
  startLocalRedis({ kind: 'sentinel', replicas: 0 });
  // @ts-expect-error these kinds run as processes only
  startLocalRedis({ kind: 'cluster', provider: 'container' });
});
