import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { failureOf, type ShardName, shardNames, TestCluster } from '../../support/cluster.ts';
import { CountedStatements } from '../../support/crash/crash-point.ts';
import { Life } from '../../support/crash/life.ts';

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start();
});

afterAll(() => cluster.stop());

/** What comes to a server by way of this proxy. */
interface Counter {
  readonly url: string;
  bytes: number;
  open: number;
}

async function counterOf(target: string): Promise<Counter> {
  const to = new URL(target);
  const proxy = createServer((client) => {
    counter.open++;
    const server = connect(Number(to.port), to.hostname);
    client.on('data', (chunk) => {
      counter.bytes += chunk.length;
    });
    client.pipe(server).pipe(client);
    for (const socket of [client, server]) {
      socket.on('error', () => socket.destroy());
      socket.on('close', () => [client, server].map((end) => end.destroy()));
    }
    client.once('close', () => counter.open--);
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  onTestFinished(() => void proxy.close());
  const { port } = proxy.address() as AddressInfo;
  const own = new URL(target);
  own.hostname = '127.0.0.1';
  own.port = String(port);
  const counter: Counter = { url: own.href, bytes: 0, open: 0 };
  return counter;
}

/** A data layer with a life of its own, and counters before all servers that it knows. */
async function openLife() {
  const shards = await Promise.all(
    shardNames.map(async (name) => [name, await counterOf(cluster.url(name))] as const),
  );
  const redis = await counterOf(cluster.redisUrl);
  const counters = [...shards.map(([, counter]) => counter), redis];
  const life = Life.begin();
  const urls: Partial<Record<ShardName, string>> = Object.fromEntries(
    shards.map(([name, { url }]) => [name, life.urlFor(url)]),
  );
  const { data } = await cluster.open({
    topology: cluster.topology(urls),
    redis: life.urlFor(redis.url),
  });
  const bytes = () => counters.map((counter) => counter.bytes);
  return { life, data, counters, bytes };
}

it('not one byte of a severed life reaches a server, however much it tries', async () => {
  const { life, data, counters, bytes } = await openLife();
  const user = await data.users.insert({ country: 'DE', name: 'Ada' });
  expect(await data.users.get(user.id)).toEqual(user);
  expect(bytes().every((count) => count > 0)).toBe(true);

  // Statements under way, one waiting for its reply and one that has not been written yet.
  const slow = failureOf(data.users.at(user.id).query('SELECT SLEEP(30)'));
  await expect.poll(() => cluster.running('eu-1', '%SLEEP(30)%')).toBe(1);
  life.sever();
  const unsent = failureOf(data.users.insert({ country: 'DE', name: 'Bea' }));
  await slow;
  await unsent;
  await expect.poll(() => counters.every(({ open }) => open === 0)).toBe(true);
  const atTheEnd = bytes();

  for (const country of ['DE', 'US']) {
    await failureOf(data.users.insert({ country, name: 'Cyd' }));
    await failureOf(data.users.get(user.id, { consistency: 'primary' }));
    await failureOf(data.users.update(user.id, { name: 'Cyd' }));
  }
  // What it does by itself goes on: pools and Redis clients that open anew.
  const tried = life.refused;
  expect(tried).toBeGreaterThan(0);
  await expect.poll(() => life.refused, { timeout: 20_000 }).toBeGreaterThan(tried);
  await data.close({ timeoutMs: 1 });
  expect(bytes()).toEqual(atTheEnd);
  expect(counters.map(({ open }) => open)).toEqual(counters.map(() => 0));
  const names = await cluster.sql('eu-1', 'SELECT name FROM users');
  expect(names).toEqual([{ name: 'Ada' }]);
});

it.each(['before', 'after'] as const)(
  'a life that ends %s a statement leaves what its server knew by then',
  async (moment) => {
    const { life, data } = await openLife();
    const user = await data.users.insert({ country: 'DE', name: 'Old' });
    const point = { from: 'UPDATE', statement: 1, moment };
    const statements = CountedStatements.begin(life.host, point, () => life.sever());
    // What it may believe afterwards is nobody's: a process would be gone.
    const [{ status }] = await Promise.allSettled([data.users.update(user.id, { name: 'New' })]);
    CountedStatements.end(life.host);
    if (moment === 'before') expect(status).toBe('rejected');
    expect(statements.seen).toBeGreaterThanOrEqual(1);
    const [row] = await cluster.sql('eu-1', 'SELECT name FROM users WHERE name <> ?', ['Ada']);
    expect(row).toEqual({ name: moment === 'before' ? 'Old' : 'New' });
    await cluster.sql('eu-1', 'DELETE FROM users');
    await data.close({ timeoutMs: 1 });
  },
);

it('other data layers of the process go on', async () => {
  const { life, data } = await openLife();
  const { data: other } = await cluster.open();
  life.sever();
  const user = await other.users.insert({ country: 'DE', name: 'Eve' });
  expect(await other.users.get(user.id, { consistency: 'primary' })).toEqual(user);
  await data.close({ timeoutMs: 1 });
});
