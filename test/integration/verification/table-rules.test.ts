import { ConfigError, defineTable, type Table } from 'meridian';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { failureOf, TestCluster } from '../../support/cluster.ts';
import { isMariadb } from '../../support/servers/server-flavor.ts';

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start();
});

afterAll(() => cluster.stop());

const shards = ['tx-1', 'tx-2'] as const;

beforeEach(async () => {
  for (const shard of shards) {
    await cluster.sql(shard, 'DROP TABLE IF EXISTS children, things, parents, meridian_facts');
    await cluster.sql(shard, 'DROP VIEW IF EXISTS seen_things');
    await cluster.sql(shard, 'DROP FUNCTION IF EXISTS touch_things');
  }
});

async function create(...statements: string[]): Promise<void> {
  for (const shard of shards) for (const text of statements) await cluster.sql(shard, text);
}

const things = defineTable({
  name: 'things',
  keyspace: 'ledger',
  primaryKey: 'id',
  shardKey: 'owner',
  schema: z.object({ id: z.uuid(), owner: z.string(), n: z.number() }),
});
const cached = defineTable({
  name: 'things',
  keyspace: 'ledger',
  primaryKey: 'id',
  shardKey: 'owner',
  schema: things.schema,
  cache: { ttlMs: 60_000 },
});
const columns =
  'id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin PRIMARY KEY, owner VARCHAR(50) COLLATE utf8mb4_bin NOT NULL';

async function refusal(table: Table, overrides = {}): Promise<string> {
  const error = await failureOf(cluster.openWith({ things: table }, overrides));
  expect(error).toBeInstanceOf(ConfigError);
  return error instanceof ConfigError ? error.message : '';
}

describe('A15: what would change or keep rows by itself', () => {
  it('A15: a DOUBLE that rounds', async () => {
    await create(`CREATE TABLE things (${columns}, n DOUBLE(8,2) NOT NULL)`);
    expect(await refusal(things)).toMatch(
      /tables\.things\.schema\.n: .*double\(8,2\).*would round/,
    );
  });

  it.each(['MyISAM', 'MEMORY', ...(isMariadb ? ['Aria'] : [])])(
    'A15: engine %s',
    async (engine) => {
      await create(`CREATE TABLE things (${columns}, n DOUBLE NOT NULL) ENGINE=${engine}`);
      expect(await refusal(things)).toMatch(new RegExp(`tables\\.things: its engine is ${engine}`));
    },
  );

  it('A15: a trigger that sets a column of the schema', async () => {
    await create(
      `CREATE TABLE things (${columns}, n DOUBLE NOT NULL)`,
      'CREATE TRIGGER rounds BEFORE INSERT ON things FOR EACH ROW SET NEW.n = ROUND(NEW.n)',
    );
    expect(await refusal(things)).toMatch(/tables\.things\.schema\.n: trigger 'rounds' sets it/);
  });

  it('a trigger that sets a column of the schema, with a comment in between', async () => {
    await create(
      `CREATE TABLE things (${columns}, n DOUBLE NOT NULL)`,
      'CREATE TRIGGER rounds BEFORE INSERT ON things FOR EACH ROW SET NEW./* c */`n` /* d */ = ROUND(NEW.n)',
    );
    expect(await refusal(things)).toMatch(/tables\.things\.schema\.n: trigger 'rounds' sets it/);
  });

  it('A15: a trigger that only looks, or writes elsewhere, is none of our business', async () => {
    await create(
      `CREATE TABLE things (${columns}, n DOUBLE NOT NULL, noted INT NULL)`,
      `CREATE TRIGGER looks BEFORE INSERT ON things FOR EACH ROW
        BEGIN IF NEW.n = 7 THEN SET NEW.noted = 1; END IF; END`,
    );
    await cluster.openWith({ things: cached });
  });
});

describe('A10: rows that the server changes behind a cache', () => {
  it.each(['DELETE CASCADE', 'DELETE SET NULL', 'UPDATE CASCADE'])('A10: ON %s', async (rule) => {
    await create(
      'CREATE TABLE parents (id VARCHAR(50) COLLATE utf8mb4_bin PRIMARY KEY)',
      `CREATE TABLE things (${columns}, n DOUBLE NOT NULL, parent VARCHAR(50) COLLATE utf8mb4_bin,
          FOREIGN KEY (parent) REFERENCES parents (id) ON ${rule})`,
    );
    expect(await refusal(cached)).toMatch(/tables\.things\.cache: foreign key '.*' says ON/);
    await cluster.openWith({ things });
  });

  it('A10: a trigger of another table that writes it', async () => {
    await create(
      `CREATE TABLE things (${columns}, n DOUBLE NOT NULL)`,
      'CREATE TABLE parents (id INT PRIMARY KEY)',
      'CREATE TRIGGER writes AFTER DELETE ON parents FOR EACH ROW DELETE FROM things WHERE n = OLD.id',
    );
    expect(await refusal(cached)).toMatch(/tables\.things\.cache: trigger 'writes' of 'parents'/);
    await cluster.openWith({ things });
  });

  it.each([
    [
      'view',
      'CREATE VIEW seen_things AS SELECT id, n FROM things',
      'UPDATE seen_things SET n = 0 WHERE n = NEW.id',
    ],
    [
      'function',
      `CREATE FUNCTION touch_things(x INT) RETURNS INT MODIFIES SQL DATA
         BEGIN UPDATE things SET n = 0 WHERE n = x; RETURN 1; END`,
      'SET @x = touch_things(NEW.id)',
    ],
  ])('a trigger of another table that writes it by a %s', async (_, define, body) => {
    await create(
      `CREATE TABLE things (${columns}, n DOUBLE NOT NULL)`,
      'CREATE TABLE parents (id INT PRIMARY KEY)',
      define,
      `CREATE TRIGGER writes AFTER INSERT ON parents FOR EACH ROW ${body}`,
    );
    expect(await refusal(cached)).toMatch(/tables\.things\.cache: trigger 'writes' of 'parents'/);
    await cluster.openWith({ things });
  });
});

it('A6: a shard key that is compared otherwise on another shard is refused', async () => {
  for (const [shard, collation] of [
    ['tx-1', 'utf8mb4_bin'],
    ['tx-2', 'utf8mb4_general_ci'],
  ] as const) {
    await cluster.sql(
      shard,
      `CREATE TABLE things (id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin PRIMARY KEY,
        owner VARCHAR(50) COLLATE ${collation} NOT NULL, n DOUBLE NOT NULL)`,
    );
  }
  expect(await refusal(things)).toMatch(/tables\.things\.schema\.owner: is .* make them the same/);
});

it('T1: ids that each shard would draw by itself are refused', async () => {
  await create('CREATE TABLE things (id INT AUTO_INCREMENT PRIMARY KEY, n DOUBLE NOT NULL)');
  const counted = defineTable({
    name: 'things',
    keyspace: 'ledger',
    primaryKey: 'id',
    schema: z.object({ id: z.int(), n: z.number() }),
  });
  expect(await refusal(counted)).toMatch(/tables\.things\.primaryKey: 'id' is AUTO_INCREMENT/);
});

it('T2: a UNIQUE index that holds on each shard only is told, or refused', async () => {
  await create(
    `CREATE TABLE things (${columns}, n DOUBLE NOT NULL, UNIQUE KEY by_n (n), UNIQUE KEY of_owner (owner, n))`,
  );
  const { events } = await cluster.openWith({ things });
  expect(events.filter(({ type }) => type === 'unique-per-shard')).toEqual([
    { type: 'unique-per-shard', table: 'things', index: 'by_n' },
  ]);
  expect(await refusal(things, { uniqueAcrossShards: 'refuse' })).toMatch(
    /tables\.things: index 'by_n' makes \(n\) unique on each shard only/,
  );
});

describe('V1: 0 in AUTO_INCREMENT columns', () => {
  it('V1: is stored by put of a reference table, once', async () => {
    const levels = defineTable({
      name: 'levels',
      reference: true,
      primaryKey: 'id',
      schema: z.object({ id: z.int(), code: z.string() }),
    });
    for (const shard of ['eu-1', 'us-1', 'tx-1', 'tx-2'] as const) {
      await cluster.sql(
        shard,
        'CREATE TABLE levels (id SMALLINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, code VARCHAR(32) NOT NULL)',
      );
    }
    const { data } = await cluster.openWith({ levels });
    for (const code of ['none', 'nothing']) await data.levels.put({ id: 0, code });
    expect(await data.levels.get(0)).toEqual({ id: 0, code: 'nothing' });
    expect(await cluster.sql('tx-1', 'SELECT id FROM levels')).toEqual([{ id: 0 }]);
  });

  it('V1: is stored where the column is not the key', async () => {
    await create(
      `CREATE TABLE things (${columns}, n INT UNSIGNED AUTO_INCREMENT NOT NULL, KEY (n))`,
    );
    const counted = defineTable({
      name: 'things',
      keyspace: 'ledger',
      primaryKey: 'id',
      shardKey: 'owner',
      schema: z.object({ id: z.uuid(), owner: z.string(), n: z.int() }),
    });
    const { data } = await cluster.openWith({ things: counted });
    const one = await data.things.insert({ owner: 'a', n: 0 });
    expect(await data.things.get(one.id)).toEqual(one);
    const [two] = await data.things.insertMany([{ owner: 'b', n: 0 }]);
    expect(await data.things.get(two?.id ?? '')).toEqual(two);
  });
});

it('A10: what another database of the server, or its clock, does to a cached table is refused', async () => {
  await create(`CREATE TABLE things (${columns}, n DOUBLE NOT NULL)`);
  const [row] = await cluster.sql('tx-1', 'SELECT DATABASE() AS name');
  const change = `UPDATE \`${String(row?.name)}\`.things SET n = n + 1`;
  const user = decodeURIComponent(new URL(cluster.url('tx-1')).username);
  try {
    await cluster.sql('tx-1', 'CREATE DATABASE beside');
    await cluster.sql('tx-1', 'CREATE TABLE beside.things (id INT PRIMARY KEY)');
    await cluster.sql('tx-1', `GRANT TRIGGER ON beside.* TO '${user}'@'%'`);
    await cluster.sql(
      'tx-1',
      `CREATE TRIGGER beside.touching AFTER INSERT ON beside.things FOR EACH ROW ${change}`,
    );
    await cluster.sql('tx-1', `CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY DISABLE DO ${change}`);
    const message = await refusal(cached);
    expect(message).toMatch(/trigger 'touching' of 'beside\.things' may change rows/);
    expect(message).toMatch(/event 'nightly' may change rows/);
  } finally {
    await cluster.sql('tx-1', `REVOKE TRIGGER ON beside.* FROM '${user}'@'%'`);
    await cluster.sql('tx-1', 'DROP DATABASE beside');
    await cluster.sql('tx-1', 'DROP EVENT nightly');
  }
});
