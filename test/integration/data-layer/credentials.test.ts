import { afterAll, beforeAll, expect, it } from 'vitest';
import { failureOf, TestCluster } from '../../support/cluster.ts';

let cluster: TestCluster;
const shards = ['eu-1', 'us-1', 'tx-1', 'tx-2'] as const;
const user = 'rotating';

beforeAll(async () => {
  cluster = await TestCluster.start();
  for (const shard of shards) {
    const database = new URL(cluster.url(shard)).pathname.slice(1);
    await cluster.sql(shard, `CREATE USER '${user}'@'%' IDENTIFIED BY 'one'`);
    await cluster.sql(shard, `GRANT ALL ON \`${database}\`.* TO '${user}'@'%'`);
  }
});

afterAll(async () => {
  for (const shard of shards) await cluster.sql(shard, `DROP USER '${user}'@'%'`);
  await cluster.stop();
});

it('credentials are asked at each opening, and once more when a server refused them: no call fails', async () => {
  const asked: string[] = [];
  let given = ['one'];
  const { data } = await cluster.open({
    redis: false,
    credentials: async ({ name }) => {
      asked.push(name);
      const [password = ''] = given;
      if (given.length > 1) given = given.slice(1);
      return { user, password };
    },
  });
  expect(new Set(asked)).toEqual(new Set(shards.map((shard) => `${shard}/primary`)));
  const { id } = await data.users.insert({ country: 'DE', name: 'Ada' });
  await cluster.sql('eu-1', `ALTER USER '${user}'@'%' IDENTIFIED BY 'two'`);
  // The first of those that are opened now comes with what was right a moment ago.
  given = ['one', 'two'];
  const before = asked.length;
  const at = data.users.at(id);
  const reads = await Promise.all(
    Array.from({ length: 5 }, () =>
      at.query('SELECT SLEEP(0.2) AS s, CURRENT_USER() AS me FROM users'),
    ),
  );
  for (const [row] of reads) expect(row).toMatchObject({ me: `${user}@%` });
  expect(asked.length).toBeGreaterThanOrEqual(before + 5);
  for (const shard of shards)
    await cluster.sql(shard, `ALTER USER '${user}'@'%' IDENTIFIED BY 'one'`);
  await data.close();
});

it.each([
  ['throws', () => Promise.reject(new TypeError('pass-w0rd'))],
  ['never answers', () => new Promise<never>(() => {})],
  ['gives nothing', () => Reflect.apply(Object, undefined, [])],
  [
    'gives a number for a password',
    () => ({ user, password: Reflect.apply(Number, undefined, ['31337']) }),
  ],
  ['gives no user', () => ({ user: '', password: 'pass-w0rd' })],
])('a function that %s keeps the start waiting, and is named', async (_, credentials) => {
  const error = await failureOf(
    cluster.open({
      redis: false,
      credentials,
      startupTimeoutMs: 700,
      pool: { connectTimeoutMs: 200 },
    }),
  );
  expect(error).toMatchObject({ code: 'MERIDIAN_UNAVAILABLE' });
  expect(String(error)).toMatch(
    /credentials gave none for .*it threw TypeError|it gave no user and password, each a text|no connection within 200 ms/,
  );
  expect(String(error)).not.toContain('pass-w0rd');
});
