import { proxysqlConfig, proxysqlDoctor } from 'meridian/proxysql';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { readEndpointUrl } from '../../src/config/endpoint-url.ts';
import { askAdministrator } from '../../src/mysql/server/ask-administrator.ts';
import {
  accountOn,
  failureOf,
  type OwnCluster,
  type ShardName,
  shardNames,
  TestCluster,
} from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';

/** A ProxySQL that may be set as the test likes, on this machine: its admin interface, and where it is reached. */
const { MERIDIAN_TEST_PROXYSQL_ADMIN: adminUrl = '', MERIDIAN_TEST_PROXYSQL: proxy = '' } =
  process.env;

let cluster: OwnCluster;
let config: ReturnType<typeof proxysqlConfig>;
let epoch = 0;
const opened: { close(): Promise<unknown> }[] = [];

async function administer(...statements: string[]) {
  const address = readEndpointUrl(adminUrl);
  if (typeof address === 'string') throw new TypeError(address);
  return askAdministrator(address, statements, 10_000);
}

const userOf = (shard: ShardName) => `px_${shard.replace('-', '_')}`;

beforeAll(async () => {
  cluster = await TestCluster.startOwn();
  const urls: Partial<Record<ShardName, string>> = {};
  for (const shard of shardNames) {
    const user = userOf(shard);
    await cluster.sql(shard, `CREATE USER '${user}'@'%' IDENTIFIED BY 'it''s\\\\'`);
    await cluster.sql(shard, `GRANT ALL ON *.* TO '${user}'@'%'`);
    const url = new URL(cluster.url(shard));
    urls[shard] = `mysql://${user}:it's%5C@${url.host}${url.pathname}`;
  }
  config = proxysqlConfig(cluster.topology(urls), { proxy, firstHostgroup: 500 });
});
afterAll(() => cluster?.stop());

beforeEach(async () => {
  await cluster.forgetFacts();
  await administer('DELETE FROM mysql_query_rules', ...config.sql.trim().split('\n'));
});
afterEach(() => Promise.all(opened.splice(0).map((data) => data.close())));

async function open(document = config.document, startupTimeoutMs = 30_000) {
  const topology = { ...document, epoch: ++epoch };
  const begun = await cluster.open({ topology, redis: false, startupTimeoutMs });
  opened.push(begun.data);
  return begun;
}

it('the doctor finds nothing once the SQL was run, and everything before', async () => {
  expect(await proxysqlDoctor(adminUrl, config)).toEqual([]);
  await administer(
    'DELETE FROM mysql_servers',
    'DELETE FROM mysql_users',
    'DELETE FROM mysql_query_rules',
    'DELETE FROM mysql_replication_hostgroups',
    'UPDATE global_variables SET variable_value=0 WHERE variable_name="mysql-set_query_lock_on_hostgroup"',
    ...['SERVERS', 'USERS', 'QUERY RULES', 'VARIABLES'].map(
      (what) => `LOAD MYSQL ${what} TO RUNTIME`,
    ),
  );
  const differences = await proxysqlDoctor(adminUrl, config);
  expect(differences).toHaveLength(17);
  expect(JSON.stringify(differences)).not.toContain("it's");
  await administer(...config.sql.trim().split('\n'));
  expect(await proxysqlDoctor(adminUrl, config)).toEqual([]);
});

it('a data layer reads, writes, scatters and ends transactions through it', async () => {
  const { data } = await open();
  const { id } = await data.users.insert({ country: 'DE', name: 'Ada' });
  expect(await data.users.get(id)).toMatchObject({ name: 'Ada' });
  const failed = data.users.at(id).transaction(async (tx) => {
    await tx.execute('UPDATE users SET name = ? WHERE id = ?', ['Eve', id]);
    throw new Error('no');
  });
  await expect(failed).rejects.toThrow('no');
  expect(await data.users.get(id)).toMatchObject({ name: 'Ada' });
  for (const shard of ['tx-1', 'tx-2'] as const) {
    await data.transactions.insert({
      account_id: accountOn(shard, data.transactions),
      cents: 9_007_199_254_740_993n,
    });
  }
  const each = await data.transactions.everywhere.each('SELECT cents FROM transactions');
  expect(each.map(({ shard }) => shard).sort()).toEqual(['tx-1', 'tx-2']);
});

it('a statement that nobody waits for is not killed by a number, which would be of another session', async () => {
  const { data } = await open();
  const { id } = await data.users.insert({ country: 'DE', name: 'Ada' });
  const at = data.users.at(id);
  const slow = at.query('SELECT SLEEP(1) AS s FROM users LIMIT 1', [], { timeoutMs: 200 });
  expect(await failureOf(slow)).toMatchObject({ code: 'MERIDIAN_TIMEOUT' });
  expect(await at.query('SELECT SLEEP(0) AS s FROM users LIMIT 1')).toHaveLength(1);
  await eventually(async () => expect(await cluster.running('eu-1', '%SLEEP(1)%')).toBe(0));
});

it('a rule that would split a session is refused, told by the doctor, and its cure works', async () => {
  const { data } = await open();
  const { id } = await data.users.insert({ country: 'DE', name: 'Ada' });
  const shift = 'UPDATE mysql_query_rules SET rule_id = rule_id + 10';
  const split =
    "INSERT INTO mysql_query_rules (rule_id, active, match_digest, destination_hostgroup, apply) VALUES (1, 1, '^SELECT', 501, 1)";
  await administer(shift, split, 'LOAD MYSQL QUERY RULES TO RUNTIME');
  expect(await failureOf(data.users.get(id))).toMatchObject({
    message: expect.stringMatching(/9006|locked to hostgroup/),
  });
  const differences = await proxysqlDoctor(adminUrl, config);
  expect(differences).toContainEqual(
    expect.objectContaining({ row: 'rule_id=1', table: 'mysql_query_rules' }),
  );
});

it.each([
  [
    'the lock on a hostgroup is off',
    'UPDATE global_variables SET variable_value=0 WHERE variable_name="mysql-set_query_lock_on_hostgroup"',
    'VARIABLES',
    /set_query_lock_on_hostgroup=1/,
  ],
  [
    'a rule says what becomes of connections',
    `UPDATE mysql_query_rules SET multiplex=0 WHERE username='${userOf('eu-1')}'`,
    'QUERY RULES',
    /let no rule for the user say multiplex/,
  ],
  [
    'a user is led to the servers of another shard',
    `UPDATE mysql_query_rules SET destination_hostgroup=502 WHERE username='${userOf('eu-1')}'`,
    'QUERY RULES',
    /eu-1/,
  ],
  [
    'a user is passed on without a look',
    `UPDATE mysql_users SET fast_forward=1 WHERE username='${userOf('eu-1')}'`,
    'USERS',
    /no ProxySQL answers/,
  ],
])('a start is refused where %s', async (_, statement, what, message) => {
  await administer(statement, `LOAD MYSQL ${what} TO RUNTIME`);
  expect(String(await failureOf(open(undefined, 2_000)))).toMatch(message);
  expect(await proxysqlDoctor(adminUrl, config)).toHaveLength(1);
});
