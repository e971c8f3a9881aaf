import { type DataLayer, defineTable } from 'meridian';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { failureOf, TestCluster } from '../../support/cluster.ts';

const names = defineTable({
  name: 'names',
  keyspace: 'ledger',
  primaryKey: 'name',
  schema: z.object({ name: z.string().trim().toLowerCase(), hits: z.int() }),
  cache: { ttlMs: 60_000 },
});
const counters = defineTable({
  name: 'counters',
  keyspace: 'ledger',
  primaryKey: 'id',
  schema: z.object({ id: z.bigint(), hits: z.int() }),
});

let cluster: TestCluster;
let data: DataLayer<{ names: typeof names; counters: typeof counters }>;

beforeAll(async () => {
  cluster = await TestCluster.start();
  for (const shard of ['tx-1', 'tx-2'] as const) {
    await cluster.sql(
      shard,
      'CREATE TABLE names (name VARCHAR(50) COLLATE utf8mb4_bin PRIMARY KEY, hits INT NOT NULL)',
    );
    await cluster.sql(
      shard,
      'CREATE TABLE counters (id BIGINT UNSIGNED PRIMARY KEY, hits INT NOT NULL)',
    );
  }
  ({ data } = await cluster.openWith({ names, counters }));
});

afterAll(() => cluster.stop());

describe('a key of the service’s own', () => {
  it('is found under the form in which its schema stored it', async () => {
    for (const given of [' Ada ', 'BOB', 'Eve ', 'Zoë', 'Mallory ']) {
      const stored = await data.names.insert({ name: given, hits: 1 });
      expect(stored.name).toBe(given.trim().toLowerCase());
      expect(await data.names.get(stored.name)).toEqual(stored);
      expect(await data.names.update(stored.name, { hits: 2 })).toMatchObject({ affected: 1 });
      expect(await data.names.getMany([stored.name])).toEqual([{ ...stored, hits: 2 }]);
    }
  });

  it('is asked for where it is missing', async () => {
    // As a caller without types makes it.
    const keyless = JSON.parse('{ "hits": 1 }');
    expect(await failureOf(data.counters.insert(keyless))).toMatchObject({
      code: 'MERIDIAN_ROW_INVALID',
      problems: [{ path: 'id', message: expect.stringMatching(/is missing.*z\.uuid\(\) only/) }],
    });
    expect(await failureOf(data.names.insert(keyless))).toMatchObject({
      problems: [{ path: 'name' }],
    });
  });

  it('is found with and without spaces at its end as what it is', async () => {
    await data.names.insert({ name: 'trent', hits: 1 });
    for (const shard of ['tx-1', 'tx-2'] as const) {
      await cluster.sql(shard, "UPDATE names SET hits = 7 WHERE name = 'trent'");
    }
    expect(await data.names.get('trent ', { consistency: 'primary' })).toBeNull();
    expect(await data.names.update('trent ', { hits: 9 })).toMatchObject({ affected: 0 });
    expect(await data.names.get('trent', { consistency: 'primary' })).toMatchObject({ hits: 7 });
  });
});

describe('a bigint key', () => {
  it('is exact beyond 2^53 and up to the last of 64 bits', async () => {
    const ids = [2n ** 53n, 2n ** 53n + 1n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n];
    for (const [index, id] of ids.entries()) await data.counters.insert({ id, hits: index });
    for (const [index, id] of ids.entries()) {
      expect(await data.counters.get(id)).toEqual({ id, hits: index });
      expect(await data.counters.update(id, { hits: index + 10 })).toMatchObject({ affected: 1 });
    }
    const rows = await data.counters.getMany([...ids, 2n ** 53n + 2n]);
    expect(rows.map((row) => row?.hits)).toEqual([10, 11, 12, 13, 14, undefined]);
  });

  it('beyond 64 bits is refused, and touches no row', async () => {
    const id = 2n ** 64n;
    expect(await failureOf(data.counters.update(id, { hits: 99 }))).toMatchObject({
      code: 'MERIDIAN_ROUTING',
    });
    for (const shard of ['tx-1', 'tx-2'] as const) {
      expect(await cluster.sql(shard, 'SELECT id FROM counters WHERE hits = 99')).toEqual([]);
    }
  });
});
