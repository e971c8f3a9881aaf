import { type ConfigError, type MeridianEvent, UnavailableError } from 'meridian';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  accountOn,
  failureOf,
  type OwnCluster,
  type ShardName,
  shardNames,
  TestCluster,
} from '../../support/cluster.ts';
import { eventually } from '../../support/eventually.ts';

let cluster: OwnCluster;

beforeAll(async () => {
  cluster = await TestCluster.startOwn(1);
  // Records which shard each database is.
  await (await cluster.open()).data.close();
});

afterAll(() => cluster.stop());

const lazy = { startup: 'lazy' } as const;

/** A proxy before a shard that is down as far as anybody behind it can tell. */
async function down(shard: 'tx-1' | 'us-1', how: 'refuse' | 'blackHole' = 'refuse') {
  const { proxy, url } = await cluster.proxy(shard);
  proxy[how]();
  return { proxy, topology: cluster.topology({ [shard]: url }) };
}

const fast = { retry: { baseMs: 1, maxMs: 5 }, pool: { connectTimeoutMs: 500 } };

describe('strict', () => {
  it('names every primary that is down when its time is over', async () => {
    const [one, two] = [await cluster.proxy('tx-1'), await cluster.proxy('us-1')];
    one.proxy.refuse();
    two.proxy.blackHole();
    const topology = cluster.topology({ 'tx-1': one.url, 'us-1': two.url });
    const error = await failureOf(cluster.open({ topology, ...fast, startupTimeoutMs: 1_500 }));
    expect(error).toBeInstanceOf(UnavailableError);
    const { message, retryable, context } = error as UnavailableError;
    expect(message).toMatch(/2 of 4 primaries do not answer.* 1500 ms/);
    expect(message).toMatch(/^ {2}tx-1 in region eu \(127\.0\.0\.1:\d+\/app\): \S/m);
    expect(message).toMatch(/^ {2}us-1 in region us \(127\.0\.0\.1:\d+\/app\): \S/m);
    for (const { url } of [one, two]) expect(message).not.toContain(new URL(url).password);
    expect({ retryable, down: context.down }).toEqual({ retryable: true, down: ['us-1', 'tx-1'] });
  });

  it.each(['refuse', 'blackHole'] as const)(
    'waits for databases that come up later (%s)',
    async (how) => {
      const { proxy, topology } = await down('tx-1', how);
      const faults: MeridianEvent[] = [];
      const opened = cluster.open({
        ...fast,
        topology,
        observers: [(event) => event.type === 'endpoint-fault' && faults.push(event)],
      });
      await eventually(() => expect(faults).not.toEqual([]), { timeout: 10_000 });
      proxy.heal();
      expect((await opened).data.health().ready).toBe(true);
    },
  );

  it('does not wait for a server that does not let it in', async () => {
    const url = new URL(cluster.url('tx-1'));
    url.password = 'wrong';
    const topology = cluster.topology({ 'tx-1': url.href });
    expect(await failureOf(cluster.open({ topology }))).toMatchObject({
      code: 'MERIDIAN_STATEMENT',
    });
  });

  it('stops waiting when its signal fires', async () => {
    const { topology } = await down('tx-1');
    const ending = new AbortController();
    const opened = failureOf(
      cluster.open({
        ...fast,
        topology,
        signal: ending.signal,
        observers: [({ type }) => type === 'endpoint-fault' && ending.abort()],
      }),
    );
    expect(await opened).toMatchObject({ code: 'MERIDIAN_ABORTED' });
  });
});

it('a normal start and end log nothing above info', async () => {
  const above: string[] = [];
  const record = (_: object, message: string) => above.push(message);
  const logger = { debug() {}, info() {}, warn: record, error: record, fatal: record };
  const { data } = await cluster.open({ logger });
  const ada = await data.users.insert({ country: 'DE', name: 'Ada' });
  await data.users.get(ada.id);
  await data.close();
  expect(above).toEqual([]);
});

it('a start that is neither is refused', async () => {
  const options = { ...lazy, ...Object.fromEntries([['startup', 'eager']]) };
  expect(await failureOf(cluster.open(options))).toMatchObject({
    code: 'MERIDIAN_CONFIG',
    problems: [{ path: 'startup' }],
  });
});

describe('lazy', () => {
  it.each(['refuse', 'blackHole'] as const)(
    'starts without a shard (%s), which is used once it was verified',
    async (how) => {
      const { proxy, topology } = await down('tx-1', how);
      const { data, events } = await cluster.open({ ...lazy, ...fast, topology });
      const [here, there] = [
        accountOn('tx-1', data.transactions),
        accountOn('tx-2', data.transactions),
      ];
      expect(await data.transactions.at(there).query("SELECT 'one' AS one")).toEqual([
        { one: 'one' },
      ]);
      expect(data.health()).toMatchObject({
        ready: true,
        shards: {
          'tx-1': { state: 'unverified', endpoints: [{ state: 'unverified' }, {}] },
          'tx-2': { state: 'up' },
        },
      });
      const insert = () => data.transactions.insert({ account_id: here, cents: 1n });
      await failureOf(insert());
      const error = await failureOf(insert());
      expect(error).toBeInstanceOf(UnavailableError);
      expect(error).toMatchObject({ outcome: 'not-applied', context: { verified: false } });
      proxy.heal();
      await eventually(insert, { timeout: 5_000 });
      expect(data.health().shards['tx-1']).toMatchObject({
        state: 'up',
        endpoints: [{ state: 'verified', breaker: 'closed' }, {}],
      });
      const verified = events.filter(
        (event) => event.type === 'endpoint-verified' && event.endpoint === 'tx-1/primary',
      );
      expect(verified).toHaveLength(1);
    },
  );

  it('is verified without any traffic as well', async () => {
    const { proxy, topology } = await down('us-1');
    const { data } = await cluster.open({ ...lazy, ...fast, topology });
    const state = () => data.health().shards['us-1']?.state;
    expect(state()).toBe('unverified');
    proxy.heal();
    await eventually(() => expect(state()).toBe('up'), { timeout: 5_000 });
  });

  it('callers of one shard share one look, and none of them gets past it', async () => {
    const { proxy, url } = await cluster.proxy('tx-1');
    proxy.refuse();
    const { data } = await cluster.open({
      ...lazy,
      ...fast,
      topology: cluster.topology({ 'tx-1': url }),
    });
    const at = data.transactions.at(accountOn('tx-1', data.transactions));
    await failureOf(at.query('SELECT 1'));
    proxy.heal();
    const asked = await eventually(
      () => Promise.all(Array.from({ length: 20 }, () => at.query("SELECT 'one' AS one"))),
      { timeout: 5_000 },
    );
    expect(asked.flat()).toHaveLength(20);
  });

  it('a shard that turns out to be another one is refused, with what is wrong', async () => {
    const { proxy, url } = await cluster.proxy('tx-2');
    proxy.refuse();
    // The URL of tx-1 leads to tx-2, which nobody can tell while it is down.
    const topology = cluster.topology({ 'tx-1': url });
    const { data } = await cluster.open({ ...lazy, ...fast, topology });
    const account = accountOn('tx-1', data.transactions);
    proxy.heal();
    const read = () => failureOf(data.transactions.at(account).query('SELECT 1'));
    await eventually(async () => expect(await read()).toMatchObject({ code: 'MERIDIAN_CONFIG' }), {
      timeout: 5_000,
    });
    const { message, problems } = (await read()) as ConfigError;
    expect(message).toMatch(/this database is shard 'tx-2' of keyspace 'ledger', not 'tx-1'/);
    expect(problems).toHaveLength(1);
    expect(
      await failureOf(data.transactions.insert({ account_id: account, cents: 1n })),
    ).toMatchObject({ code: 'MERIDIAN_CONFIG', outcome: 'not-applied' });
    expect(data.health()).toMatchObject({ ready: true, shards: { 'tx-1': { state: 'refused' } } });
  });

  it('a shard whose tables have another shape is refused', async () => {
    const { proxy, topology } = await down('tx-1');
    const { data } = await cluster.open({ ...lazy, ...fast, topology });
    await cluster.sql('tx-1', 'ALTER TABLE transactions MODIFY cents VARCHAR(20) NOT NULL');
    proxy.heal();
    const at = data.transactions.at(accountOn('tx-1', data.transactions));
    await eventually(
      async () =>
        expect(await failureOf(at.query('SELECT 1'))).toMatchObject({ code: 'MERIDIAN_CONFIG' }),
      { timeout: 5_000 },
    );
    await cluster.sql('tx-1', 'ALTER TABLE transactions MODIFY cents BIGINT NOT NULL');
    expect(await failureOf(at.query('SELECT 1'))).toMatchObject({ code: 'MERIDIAN_CONFIG' });
  });

  it('needs one primary of each keyspace that has tables', async () => {
    const [one, two] = [await cluster.proxy('tx-1'), await cluster.proxy('tx-2')];
    one.proxy.refuse();
    two.proxy.refuse();
    const topology = cluster.topology({ 'tx-1': one.url, 'tx-2': two.url });
    const error = await failureOf(
      cluster.open({ ...lazy, ...fast, topology, startupTimeoutMs: 1_000 }),
    );
    expect(error).toBeInstanceOf(UnavailableError);
    expect(error).toMatchObject({
      message: expect.stringMatching(/keyspace ledger.*tx-1.*tx-2/s),
    });
  });

  it('closes while it looks for a shard', async () => {
    const { topology } = await down('tx-1', 'blackHole');
    const { data } = await cluster.open({ ...lazy, ...fast, topology });
    const read = failureOf(
      data.transactions.at(accountOn('tx-1', data.transactions)).query('SELECT 1'),
    );
    expect(await data.close({ timeoutMs: 50 })).toMatchObject({ durationMs: expect.any(Number) });
    await read;
  });
});

describe('a replica that was down at the start', () => {
  it('takes no traffic until it was verified, and then does', async () => {
    const [replica] = cluster.cluster.shards['tx-1'].replicas;
    await replica?.kill();
    const { data } = await cluster.open(fast);
    const at = data.transactions.at(accountOn('tx-1', data.transactions));
    const answered = async () => {
      const options = { consistency: 'replica' } as const;
      const [row] = await at.query('SELECT @@read_only AS readOnly', [], options);
      return Number(row?.readOnly) === 1 ? 'replica' : 'primary';
    };
    const state = () => data.health().shards['tx-1']?.endpoints[1];
    expect(await answered()).toBe('primary');
    expect(state()).toMatchObject({ role: 'replica', state: 'unverified' });
    await replica?.restart();
    await eventually(async () => expect(await answered()).toBe('replica'), { timeout: 5_000 });
    expect(state()).toMatchObject({ state: 'verified' });
  });

  it('is passed by when it follows another shard', async () => {
    const [strange] = cluster.cluster.shards['tx-2'].replicas;
    const topology = cluster.topology();
    const url = strange?.url ?? '';
    await strange?.kill();
    const shards = Object.fromEntries(
      Object.entries(topology.shards).map(([name, shard]) => [
        name,
        { ...shard, replicas: name === 'tx-1' ? [url] : [] },
      ]),
    );
    const { data } = await cluster.open({ ...fast, topology: { ...topology, shards } });
    await strange?.restart();
    await eventually(
      () => expect(data.health().shards['tx-1']?.endpoints[1]?.state).toBe('refused'),
      { timeout: 5_000 },
    );
    const at = data.transactions.at(accountOn('tx-1', data.transactions));
    const options = { consistency: 'replica' } as const;
    expect(await at.query('SELECT @@read_only AS readOnly', [], options)).toEqual([
      { readOnly: '0' },
    ]);
    expect(data.health().shards['tx-1']?.state).toBe('up');
  });
});

describe('health', () => {
  it('is JSON without addresses or credentials', async () => {
    const { data } = await cluster.open();
    const health = data.health();
    const text = JSON.stringify(health);
    expect(JSON.parse(text)).toEqual(health);
    expect(text).not.toMatch(/127\.0\.0\.1|:\/\/|@/);
    const { password } = new URL(cluster.url('tx-1'));
    expect(text).not.toContain(password);
    expect(health.redis).toEqual({ redis: 'up' });
    expect(Object.keys(health.shards)).toEqual(['eu-1', 'us-1', 'tx-1', 'tx-2']);
  });

  it('tells what runs and waits, and what failed last', async () => {
    const { proxy, url } = await cluster.proxy('tx-1');
    const { data } = await cluster.open({
      topology: cluster.topology({ 'tx-1': url }),
      pool: { connections: 1 },
      breaker: { failures: 1, openMs: 60_000 },
      retry: { attempts: 1 },
    });
    const at = data.transactions.at(accountOn('tx-1', data.transactions));
    const primary = () => data.health().shards['tx-1']?.endpoints[0];
    expect(primary()).toMatchObject({ running: 0, queued: 0, lastFault: null });
    const work = [at.query('SELECT SLEEP(0.2)'), at.query('SELECT 1')];
    await eventually(() => expect(primary()).toMatchObject({ running: 1, queued: 1 }));
    await Promise.all(work);
    proxy.refuse();
    proxy.reset();
    await failureOf(at.query('SELECT 1'));
    expect(primary()).toMatchObject({
      breaker: 'open',
      lastFault: { code: 'MERIDIAN_UNAVAILABLE', at: expect.stringMatching(/^\d{4}-.*Z$/) },
    });
    expect(data.health()).toMatchObject({ ready: true, shards: { 'tx-1': { state: 'down' } } });
  });
});

describe('databases that say nothing yet', () => {
  const system = async (shard: ShardName) => {
    const [row] = await cluster.sql(shard, 'SELECT system_id AS id FROM meridian_identity');
    return row?.id;
  };

  it('need all to be there once, since one that is down may know better', async () => {
    for (const shard of shardNames) await cluster.sql(shard, 'DROP TABLE meridian_identity');
    const { proxy, topology } = await down('tx-1');
    expect(
      await failureOf(cluster.open({ ...lazy, ...fast, topology, startupTimeoutMs: 1_000 })),
    ).toMatchObject({
      code: 'MERIDIAN_UNAVAILABLE',
      message: expect.stringMatching(/first start needs every shard/),
    });
    proxy.heal();
    await cluster.open({ ...lazy, ...fast, topology });
    expect(await system('tx-1')).toBe(await system('eu-1'));
  });

  it('one that comes late joins the system of the others', async () => {
    await cluster.sql('tx-1', 'DROP TABLE meridian_identity');
    const { proxy, topology } = await down('tx-1');
    const { data } = await cluster.open({ ...lazy, ...fast, topology });
    proxy.heal();
    await eventually(() => expect(data.health().shards['tx-1']?.state).toBe('up'), {
      timeout: 5_000,
    });
    expect(await system('tx-1')).toBe(await system('eu-1'));
  });

  it('one that is of another system is refused', async () => {
    await cluster.sql('tx-1', "UPDATE meridian_identity SET system_id = 'somebody else'");
    const { proxy, topology } = await down('tx-1');
    const { data } = await cluster.open({ ...lazy, ...fast, topology });
    proxy.heal();
    await eventually(() => expect(data.health().shards['tx-1']?.state).toBe('refused'), {
      timeout: 5_000,
    });
    const at = data.transactions.at(accountOn('tx-1', data.transactions));
    expect(await failureOf(at.query('SELECT 1'))).toMatchObject({
      message: expect.stringMatching(/belong to two different systems/),
    });
  });
});
