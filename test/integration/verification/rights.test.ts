import { afterAll, beforeAll, expect, it } from 'vitest';
import { failureOf, type ShardName, shardNames, TestCluster } from '../../support/cluster.ts';
import { eventually } from '../../support/eventually.ts';
import { tables } from '../../support/tables.ts';

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start();
  const { data } = await cluster.open();
  await data.close();
});

afterAll(async () => {
  for (const shard of shardNames) await cluster.sql(shard, "DROP USER IF EXISTS 'narrow'@'%'");
  await cluster.stop();
});

const databases = new Map<ShardName, string>();

/** The shards' URLs with a user that has all rights on the data, and these on what services share. */
async function narrowUser(rights: string): Promise<Partial<Record<ShardName, string>>> {
  const urls: Partial<Record<ShardName, string>> = {};
  for (const shard of shardNames) {
    const [row] = await cluster.sql(shard, 'SELECT DATABASE() AS name');
    const database = String(row?.name);
    databases.set(shard, database);
    await cluster.sql(shard, "DROP USER IF EXISTS 'narrow'@'%'");
    await cluster.sql(shard, "CREATE USER 'narrow'@'%' IDENTIFIED BY 'pw'");
    const others = await cluster.sql(
      shard,
      "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name <> 'meridian_facts'",
    );
    for (const { name } of others) {
      await cluster.sql(
        shard,
        `GRANT SELECT, INSERT, UPDATE, DELETE ON \`${database}\`.\`${String(name)}\` TO 'narrow'@'%'`,
      );
    }
    await cluster.sql(shard, `GRANT ${rights} ON \`${database}\`.meridian_facts TO 'narrow'@'%'`);
    const url = new URL(cluster.url(shard));
    url.username = 'narrow';
    url.password = 'pw';
    urls[shard] = url.href;
  }
  return urls;
}

it.each([
  ['SELECT', 'INSERT, UPDATE, DELETE'],
  ['SELECT, INSERT', 'UPDATE, DELETE'],
])(
  'a user that may only %s on record is told the grant that its caches need',
  async (rights, missing) => {
    const topology = cluster.topology(await narrowUser(rights));
    const error = await failureOf(cluster.open({ topology }));
    expect(error).toMatchObject({ code: 'MERIDIAN_CONFIG' });
    const grants = String(error).match(/GRANT .*;/g) ?? [];
    expect(grants).toHaveLength(shardNames.length);
    for (const [index, shard] of shardNames.entries()) {
      const database = databases.get(shard);
      expect(grants).toContain(
        `GRANT ${missing} ON \`${database}\`.\`meridian_facts\` TO 'narrow'@'%';`,
      );
      await cluster.sql(shard, grants[index] ?? '');
    }
    const { data } = await cluster.open({ topology });
    await eventually(() => expect(data.health().redis).toEqual({ redis: 'up' }));
    await data.close();
  },
);

it('a service that caches nothing needs no right to change what is on record already', async () => {
  const topology = cluster.topology(await narrowUser('SELECT'));
  const { data } = await cluster.openWith({ transactions: tables.transactions }, { topology });
  await data.close();
});

it('a user that is shown no triggers is told so, for it would be as if there were none', async () => {
  const topology = cluster.topology(await narrowUser('SELECT, INSERT, UPDATE, DELETE'));
  const { data, events } = await cluster.open({ topology });
  expect(events.filter(({ type }) => type === 'definitions-unseen')).toMatchObject([
    { triggers: [...shardNames] },
  ]);
  await data.close();
});
