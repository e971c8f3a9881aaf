import { type DataLayer, defineTable } from 'meridian';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { failureOf, type ShardName, shardNames, TestCluster } from '../../support/cluster.ts';
import { tables } from '../../support/tables.ts';

const currencies = defineTable({
  name: 'currencies',
  reference: true,
  primaryKey: 'code',
  schema: z.object({ code: z.string(), number: z.int(), name: z.string().nullable() }),
});
const cached = defineTable({
  name: 'countries',
  reference: true,
  primaryKey: 'code',
  schema: z.object({ code: z.string(), name: z.string() }),
  cache: { ttlMs: 60_000 },
});
const own = { ...tables, currencies, countries: cached };

let cluster: TestCluster;
let data: DataLayer<typeof own>;
let other: DataLayer<typeof own>;

beforeAll(async () => {
  cluster = await TestCluster.start();
  for (const shard of shardNames) {
    await cluster.sql(
      shard,
      `CREATE TABLE currencies (code VARCHAR(3) PRIMARY KEY, number INT NOT NULL UNIQUE, name VARCHAR(50))
       COLLATE utf8mb4_general_ci`,
    );
    await cluster.sql(
      shard,
      `CREATE TABLE countries (code CHAR(2) COLLATE utf8mb4_bin PRIMARY KEY, name VARCHAR(50) NOT NULL)`,
    );
  }
  ({ data } = await cluster.openWith(own));
  ({ data: other } = await cluster.openWith(own, { region: 'us' }));
});

afterAll(() => cluster.stop());

beforeEach(async () => {
  for (const shard of shardNames) await cluster.sql(shard, 'DELETE FROM currencies');
});

async function onEveryShard(table = 'currencies') {
  const found = await Promise.all(
    shardNames.map((shard) => cluster.sql(shard, `SELECT * FROM ${table} ORDER BY code`)),
  );
  for (const rows of found) expect(rows).toEqual(found[0]);
  return found[0];
}

const euro = { code: 'EUR', number: 978, name: 'Euro' };
const dollar = { code: 'USD', number: 840, name: null };

describe('put', () => {
  it('stores a row on every shard, and says so for each', async () => {
    const { results, invalidation } = await data.currencies.put(euro);
    expect(results.map(({ shard }) => shard).sort()).toEqual([...shardNames].sort());
    for (const result of results) expect(result).toMatchObject({ outcome: 'applied', rows: 1 });
    expect(invalidation).toBe('done');
    expect(await onEveryShard()).toEqual([euro]);
  });

  it('replaces what is stored, and may be repeated', async () => {
    await data.currencies.put(euro);
    await data.currencies.put({ ...euro, name: 'euro' });
    await data.currencies.put({ ...euro, name: 'euro' });
    expect(await onEveryShard()).toEqual([{ ...euro, name: 'euro' }]);
  });

  it('leaves every shard with the same row, however many write it at once', async () => {
    const writes = Array.from({ length: 60 }, (_, index) => {
      const writer = index % 2 === 0 ? data : other;
      return index % 10 === 9
        ? writer.currencies.delete('EUR')
        : writer.currencies.put({ ...euro, name: `Euro ${index}` });
    });
    await Promise.all(writes);
    await onEveryShard();
    await data.currencies.put(euro);
    expect(await onEveryShard()).toEqual([euro]);
  });

  describe.each(['REPEATABLE READ', 'READ COMMITTED'])('under %s', (isolation) => {
    const layers: DataLayer<{ currencies: typeof currencies }>[] = [];

    beforeAll(async () => {
      for (const shard of shardNames) {
        await cluster.sql(shard, `SET GLOBAL TRANSACTION ISOLATION LEVEL ${isolation}`);
      }
      // Each writer is slow to reach another shard, so that they meet in another order on each.
      for (const slow of ['us-1', 'tx-2'] as const) {
        const { proxy, url } = await cluster.proxy(slow);
        const topology = cluster.topology({ [slow]: url });
        const { data: layer } = await cluster.openWith({ currencies }, { topology });
        proxy.latency(15);
        layers.push(layer);
      }
    });

    afterAll(async () => {
      for (const shard of shardNames) {
        await cluster.sql(shard, 'SET GLOBAL TRANSACTION ISOLATION LEVEL REPEATABLE READ');
      }
    });

    it('two writers that reach the shards in different orders leave them the same', async () => {
      const [a, b] = layers;
      for (let round = 0; round < 3; round++) {
        await Promise.all([
          a?.currencies.put({ ...euro, name: `a ${round}` }),
          b?.currencies.put({ ...euro, name: `b ${round}` }),
        ]);
        await onEveryShard();
        await data.currencies.delete('EUR');
        await Promise.all([b?.currencies.delete('EUR'), a?.currencies.put(euro)]);
        await onEveryShard();
      }
    });
  });

  it('never changes the row of another key that holds a unique value of it', async () => {
    await data.currencies.put(euro);
    const error = await failureOf(data.currencies.put({ code: 'XEU', number: 978, name: 'Ecu' }));
    expect(error).toMatchObject({ code: 'MERIDIAN_DUPLICATE_KEY', outcome: 'not-applied' });
    expect(await onEveryShard()).toEqual([euro]);
    // The column's collation takes these for one key, JavaScript does not.
    const lower = await failureOf(data.currencies.put({ code: 'eur', number: 1, name: null }));
    expect(lower).toMatchObject({ code: 'MERIDIAN_DUPLICATE_KEY' });
    expect(await onEveryShard()).toEqual([euro]);
    expect(await data.currencies.get('eur')).toBeNull();
    expect((await data.currencies.delete('eur')).results.map(({ rows }) => rows)).toEqual([
      0, 0, 0, 0,
    ]);
    expect(await onEveryShard()).toEqual([euro]);
  });

  it('says when repeating alone does not help, since one shard differs', async () => {
    await cluster.sql('tx-2', "INSERT INTO currencies VALUES ('XXX', 978, NULL)");
    const error = await failureOf(data.currencies.put(euro));
    expect(error).toMatchObject({ code: 'MERIDIAN_PARTIAL_WRITE', retryable: false });
    await cluster.sql('tx-2', 'DELETE FROM currencies');
    await data.currencies.put(euro);
    expect(await onEveryShard()).toEqual([euro]);
  });

  it('refuses a row that breaks its schema before anything is sent', async () => {
    const broken = { code: 'EUR', number: 1.5, name: null };
    expect(await failureOf(data.currencies.put(broken))).toMatchObject({
      code: 'MERIDIAN_ROW_INVALID',
      outcome: 'not-applied',
    });
    expect(await onEveryShard()).toEqual([]);
  });

  it('waits for the writer before it, and gives up in time', async () => {
    await data.currencies.put(euro);
    const { id } = await insertedUser();
    const waiting: Promise<unknown>[] = [];
    await other.users.at(id).transaction(async (trx) => {
      await trx.query("SELECT code FROM currencies WHERE code = 'EUR' FOR UPDATE");
      const late = data.currencies.put({ ...euro, name: 'late' }, { timeoutMs: 300 });
      waiting.push(data.currencies.put({ ...euro, name: 'patient' }));
      expect(await failureOf(late)).toMatchObject({
        code: 'MERIDIAN_TIMEOUT',
        outcome: 'not-applied',
      });
    });
    await Promise.all(waiting);
    expect(await onEveryShard()).toEqual([{ ...euro, name: 'patient' }]);
  });
});

async function insertedUser() {
  return data.users.insert({ country: 'DE', name: 'Ada' });
}

describe('delete', () => {
  it('takes the row from every shard, and finds none the second time', async () => {
    await data.currencies.put(euro);
    const first = await data.currencies.delete('EUR');
    expect(first.results.map(({ rows }) => rows)).toEqual([1, 1, 1, 1]);
    const second = await data.currencies.delete('EUR');
    expect(second.results.map(({ outcome, rows }) => [outcome, rows])).toEqual(
      shardNames.map(() => ['applied', 0]),
    );
    expect(await onEveryShard()).toEqual([]);
  });
});

describe('reads', () => {
  it('give rows by key, in the order of the keys, and all of them in the order of the key', async () => {
    await data.currencies.put(euro);
    await data.currencies.put(dollar);
    expect(await data.currencies.get('USD')).toEqual(dollar);
    expect(await data.currencies.getMany(['USD', 'XXX', 'EUR', 'USD'])).toEqual([
      dollar,
      null,
      euro,
      dollar,
    ]);
    expect(await data.currencies.getMany([])).toEqual([]);
    expect(await data.currencies.all()).toEqual([euro, dollar]);
    expect(await data.currencies.all({ limit: 1 })).toEqual([euro]);
    expect(await data.currencies.all({ limit: 0 })).toEqual([]);
    expect(await data.currencies.all({ maxRows: 2 })).toEqual([euro, dollar]);
    expect(await failureOf(data.currencies.all({ maxRows: 1 }))).toMatchObject({
      code: 'MERIDIAN_MERGE',
    });
    for (const limit of [-1, 1.5, Number.NaN]) {
      expect(await failureOf(data.currencies.all({ limit }))).toMatchObject({
        code: 'MERIDIAN_CONFIG',
      });
    }
  });

  it('ask a shard of the own region', async () => {
    for (const [layer, region] of [
      [data, 'eu'],
      [other, 'us'],
    ] as const) {
      const { shard, because, endpoints } = layer.currencies.explain('EUR');
      const home = cluster.topology().shards[shard]?.region;
      expect(home).toBe(region);
      expect(because).toContain('reference table');
      expect(endpoints).toHaveLength(4);
      await cluster.sql(shard as ShardName, "INSERT INTO currencies VALUES ('HOM', 1, 'here')");
      expect((await layer.currencies.get('HOM'))?.name).toBe('here');
      expect(await layer.currencies.all()).toHaveLength(1);
      await cluster.sql(shard as ShardName, 'DELETE FROM currencies');
    }
  });

  it('refuse what can be no key', async () => {
    // @ts-expect-error a key is text
    expect(await failureOf(data.currencies.get(42))).toMatchObject({ code: 'MERIDIAN_ROUTING' });
    // @ts-expect-error a key is text
    expect(() => data.currencies.explain(undefined)).toThrow('code');
  });

  it('see a write at once, through the cache of this process and of another', async () => {
    await data.countries.put({ code: 'DE', name: 'Germany' });
    expect((await data.countries.get('DE'))?.name).toBe('Germany');
    expect((await other.countries.getMany(['DE']))[0]?.name).toBe('Germany');
    await data.countries.put({ code: 'DE', name: 'Deutschland' });
    expect((await data.countries.get('DE'))?.name).toBe('Deutschland');
    await expect
      .poll(async () => (await other.countries.get('DE'))?.name, { timeout: 5_000 })
      .toBe('Deutschland');
    await data.countries.delete('DE');
    expect(await data.countries.get('DE')).toBeNull();
  });
});

describe("a shard's own statements", () => {
  it('join the table, in a query and in a transaction', async () => {
    await data.currencies.put(euro);
    const join = `SELECT c.name FROM transactions t JOIN currencies c ON c.code = 'EUR' WHERE t.account_id = ?`;
    const names = await data.transactions.at('acc').transaction(async (trx) => {
      await trx.transactions.insert({ account_id: 'acc', cents: 1n });
      return trx.query(join, ['acc']);
    });
    expect(names).toEqual([{ name: 'Euro' }]);
    expect(await data.transactions.at('acc').query(join, ['acc'])).toEqual([{ name: 'Euro' }]);
  });

  it('may not say that they touch it', async () => {
    const work = data.users.at((await insertedUser()).id).execute(
      "UPDATE countries SET name = 'x'",
      [],
      // @ts-expect-error a reference table is changed by put() and delete()
      { touches: { countries: ['DE'] }, scope: 'shard' },
    );
    expect(await failureOf(work)).toMatchObject({ code: 'MERIDIAN_ROUTING' });
  });
});

describe('the start', () => {
  it('checks the table on every shard', async () => {
    const missing = defineTable({
      name: 'units',
      reference: true,
      primaryKey: 'id',
      schema: z.object({ id: z.int() }),
    });
    for (const shard of shardNames.slice(0, 3)) {
      await cluster.sql(shard, 'CREATE TABLE units (id INT PRIMARY KEY)');
    }
    expect(await failureOf(cluster.openWith({ units: missing }))).toMatchObject({
      code: 'MERIDIAN_CONFIG',
      message: expect.stringContaining('tx-2'),
    });
  });

  it('refuses a definition whose key can be none, and a name that is taken', async () => {
    const users = defineTable({
      name: 'users',
      reference: true,
      primaryKey: 'id',
      schema: z.object({ id: z.number() }),
    });
    const error = await failureOf(cluster.openWith({ people: tables.users, users }));
    expect(error).toMatchObject({ code: 'MERIDIAN_CONFIG' });
    expect(String(error)).toContain('a key is a UUID');
    const same = defineTable({
      name: 'users',
      reference: true,
      primaryKey: 'id',
      schema: z.object({ id: z.uuid() }),
    });
    expect(String(await failureOf(cluster.openWith({ people: tables.users, same })))).toContain(
      'is the same table as tables.people',
    );
  });
});

it('a table whose one column is its key can be put', async () => {
  for (const shard of shardNames) {
    await cluster.sql(shard, 'CREATE TABLE flags (id BIGINT PRIMARY KEY)');
  }
  const flags = defineTable({
    name: 'flags',
    reference: true,
    primaryKey: 'id',
    schema: z.object({ id: z.bigint() }),
  });
  const { data: small } = await cluster.openWith({ flags });
  for (const _ of [1, 2]) await small.flags.put({ id: 7n });
  expect(await small.flags.get(7n)).toEqual({ id: 7n });
});
