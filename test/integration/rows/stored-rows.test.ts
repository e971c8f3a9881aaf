import { type DataLayer, defineTable } from 'meridian';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { shardNames, TestCluster } from '../../support/cluster.ts';

const own = {
  jobs: defineTable({
    name: 'jobs',
    keyspace: 'ledger',
    primaryKey: 'id',
    schema: z.object({ id: z.uuid(), affectedRows: z.int() }),
  }),
  loose: defineTable({
    name: 'loose',
    keyspace: 'ledger',
    primaryKey: 'id',
    schema: z.object({ id: z.uuid(), name: z.string() }),
    cache: { ttlMs: 60_000 },
  }),
};

let cluster: TestCluster;
let data: DataLayer<typeof own>;

beforeAll(async () => {
  cluster = await TestCluster.start();
  for (const shard of ['tx-1', 'tx-2'] as const) {
    await cluster.sql(
      shard,
      `CREATE TABLE jobs (
        id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin PRIMARY KEY, affectedRows INT NOT NULL)`,
    );
    await cluster.sql(
      shard,
      `CREATE TABLE loose (id CHAR(36) PRIMARY KEY, name VARCHAR(20) NOT NULL)
        DEFAULT CHARSET utf8mb4 COLLATE utf8mb4_general_ci`,
    );
  }
  ({ data } = await cluster.openWith(own));
});

afterAll(() => cluster.stop());

it('a column may be named like a field of the driver’s own results', async () => {
  const job = await data.jobs.insert({ affectedRows: 3 });
  const other = await data.jobs.insert({ affectedRows: 0 });
  expect(await data.jobs.get(job.id)).toEqual(job);
  expect(await data.jobs.getMany([other.id, job.id])).toEqual([other, job]);
  const shard = data.jobs.at(job.id);
  expect(await shard.query("SELECT 'five' AS affectedRows")).toEqual([{ affectedRows: 'five' }]);
  expect(await shard.query('SELECT affectedRows FROM jobs WHERE id = ?', [job.id])).toEqual([
    { affectedRows: 3 },
  ]);
  expect(await shard.transaction((trx) => trx.jobs.get(job.id))).toEqual(job);
  expect(await data.jobs.update(job.id, { affectedRows: 9 })).toMatchObject({ affected: 1 });
  expect(await data.jobs.get(job.id)).toEqual({ ...job, affectedRows: 9 });
});

/** Writes a row past Meridian, under an id in upper case, where Meridian looks for it. */
async function upperCase(id: string): Promise<string> {
  const shard = shardNames.find((name) => name === data.loose.explain(id).shard);
  if (shard === undefined) throw new Error('a shard of the cluster was expected');
  await cluster.sql(shard, 'INSERT INTO loose VALUES (?, ?)', [id.toUpperCase(), 'Ada']);
  return id;
}

it('a UUID that was stored in upper case is found by its lower case, read and written', async () => {
  const id = await upperCase('0e984725-c51c-4bf4-9960-e1c80e27aba0');
  const second = await upperCase('1e984725-c51c-4bf4-9960-e1c80e27aba0');
  const ada = { id, name: 'Ada' };
  expect(await data.loose.get(id, { consistency: 'primary' })).toEqual(ada);
  expect(await data.loose.get(id)).toEqual(ada);
  expect(await data.loose.getMany([id, second], { consistency: 'primary' })).toEqual([
    ada,
    { id: second, name: 'Ada' },
  ]);
  expect(await data.loose.at(id).transaction((trx) => trx.loose.get(id))).toEqual(ada);
  expect(await data.loose.update(id, { name: 'Grace' })).toMatchObject({ affected: 1 });
  expect(await data.loose.get(id)).toEqual({ id, name: 'Grace' });
  expect(await data.loose.delete(id)).toMatchObject({ affected: 1 });
  expect(await data.loose.get(id)).toBeNull();
  expect(await data.loose.get(second)).toEqual({ id: second, name: 'Ada' });
});
