import { startLocalCluster } from 'meridian/testing';
import { createConnection } from 'mysql2/promise';
import { expect, it } from 'vitest';
import { failureOf } from '../../support/cluster.ts';

it('each shard has a proxy of its own, which ends with the cluster', async () => {
  const cluster = await startLocalCluster({ shards: ['a', 'b'], redis: false, proxies: true });
  const { a, b } = cluster.shards;
  expect(new URL(a.url).port).toBe(String(a.proxy.port));
  expect(a.url).not.toBe(a.primary.url);
  a.proxy.refuse();
  expect(await failureOf(createConnection(a.url))).toBeInstanceOf(Error);
  const through = await createConnection(b.url);
  const [rows] = await through.query('SELECT 1 AS one');
  expect(rows).toEqual([{ one: 1 }]);
  expect(b.proxy.connections).toBe(1);
  through.on('error', () => undefined);
  await cluster.stop();
  expect(b.proxy.connections).toBe(0);
  expect(await failureOf(createConnection(b.url))).toMatchObject({ code: 'ECONNREFUSED' });
});

it('without them a shard has none', async () => {
  await using cluster = await startLocalCluster({ shards: ['a'], redis: false });
  expect(cluster.shards.a).not.toHaveProperty('proxy');
  // @ts-expect-error only with proxies: true
  expect(cluster.shards.a.url).toBeUndefined();
});
