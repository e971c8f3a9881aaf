import { inspect } from 'node:util';
import { defineTable, type Logger, type TopologyDocument } from 'meridian';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { failureOf, type OwnCluster, TestCluster } from '../../support/cluster.ts';

const password = 'hunter2-Zq%9';
const data = 'top-secret-value';
const people = defineTable({
  name: 'secrets',
  keyspace: 'ledger',
  primaryKey: 'id',
  schema: z.object({ id: z.int(), email: z.string(), age: z.string(), at: z.string() }),
});

let cluster: OwnCluster;
let topology: TopologyDocument;

beforeAll(async () => {
  cluster = await TestCluster.startOwn();
  for (const shard of ['tx-1', 'tx-2', 'eu-1', 'us-1'] as const) {
    await cluster.sql(shard, `CREATE USER 'spy'@'%' IDENTIFIED BY '${password}'`);
    await cluster.sql(shard, "GRANT ALL ON *.* TO 'spy'@'%'");
  }
  for (const shard of ['tx-1', 'tx-2'] as const) {
    await cluster.sql(
      shard,
      'CREATE TABLE secrets (id INT PRIMARY KEY, email VARCHAR(50) NOT NULL, age VARCHAR(50) NOT NULL, at VARCHAR(50) NOT NULL, UNIQUE KEY by_email (email))',
    );
  }
  topology = cluster.topology();
  for (const shard of Object.values(topology.shards)) {
    const url = new URL(shard.primary);
    url.username = 'spy';
    url.password = encodeURIComponent(password);
    shard.primary = url.href;
  }
});

afterAll(() => cluster.stop());

/** Everything that an error could tell a log. */
function told(error: unknown): string {
  return `${inspect(error, { depth: 20, showHidden: true })} ${JSON.stringify(error)} ${String(error)}`;
}

function expectSecret(text: string): void {
  for (const secret of [password, encodeURIComponent(password), data]) {
    expect(text).not.toContain(secret);
  }
}

it('no error, explanation, event or log line holds a password or a value', async () => {
  const lines: string[] = [];
  const logger: Logger = pino({ level: 'trace' }, { write: (line) => lines.push(line) });
  const { data: layer, events } = await cluster.openWith(
    { people },
    { topology, logger, timeoutMs: 2_000 },
  );
  await layer.people.insert({ id: 1, email: data, age: '1', at: '' });
  const shard = layer.people.at(1);
  const none = { touches: 'none', scope: 'shard' } as const;
  const faults = [
    () => layer.people.insert({ id: 1, email: data, age: '1', at: '' }),
    () => shard.execute('INSERT INTO secrets VALUES (2, ?, 1, 1)', [data], none),
    () => shard.execute(`INSERT INTO secrets VALUES (3, '${data}', 1, 1)`, [], none),
    () => shard.execute('UPDATE secrets SET id = ? WHERE id >= 0', [data], none),
    () => shard.query('SELECT CAST(? AS DATE) + nope', [data]),
    () => shard.query(`SELECT '${data}' FROM`, []),
    () =>
      shard.query(
        `SELECT * FROM secrets WHERE email = "${data}" AND nope = 0x${Buffer.from(data).toString('hex')}`,
      ),
    () => shard.execute('UPDATE secrets SET id = id + CAST(? AS INT)', [data], none),
    () => shard.execute('SIGNAL SQLSTATE "45000" SET MESSAGE_TEXT = ?', [data], none),
    () => shard.query('SELECT EXTRACTVALUE(1, CONCAT(0x7e, ?))', [data]),
    () => shard.query('SELECT SLEEP(1000), ?', [data], { timeoutMs: 20 }),
    () => layer.people.update(1, { email: 'x'.repeat(51) + data }),
    () => layer.people.update(1, JSON.parse(`{"email":{"x":"${data}"}}`)),
  ];
  for (const fault of faults) expectSecret(told(await failureOf(fault())));
  expectSecret(JSON.stringify(layer.people.explain(1)));
  await cluster.cluster.shards['tx-1'].primary.kill();
  await cluster.cluster.shards['tx-2'].primary.kill();
  expectSecret(told(await failureOf(layer.people.get(1))));
  expectSecret(
    told(await failureOf(cluster.openWith({ people }, { topology, startupTimeoutMs: 500 }))),
  );
  await cluster.cluster.redis.kill();
  await failureOf(layer.people.get(1));
  expectSecret(JSON.stringify(events));
  expect(lines.length).toBeGreaterThan(0);
  expectSecret(lines.join());
  await cluster.cluster.shards['tx-1'].primary.restart();
  await cluster.cluster.shards['tx-2'].primary.restart();
  await cluster.cluster.redis.restart();
});

it('a wrong password is an error that does not hold it', async () => {
  const wrong = cluster.topology();
  for (const shard of Object.values(wrong.shards)) {
    shard.primary = shard.primary.replace(/\/\/[^@]*@/, `//spy:${data}@`);
  }
  const error = await failureOf(cluster.openWith({ people }, { topology: wrong }));
  expectSecret(told(error));
  expect(error).toMatchObject({ retryable: false });
});
