import type { DataLayer } from 'meridian';
import type { ChaosProxy } from 'meridian/testing';
import { startChaosProxy } from 'meridian/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Opened, type OwnCluster, TestCluster } from '../../support/cluster.ts';
import type { tables } from '../../support/tables.ts';

/** What is asked of a replica, one after the other: each read would join a batch of the others. */
const replica = { consistency: 'replica' } as const;

let cluster: OwnCluster;
const proxies: ChaosProxy[] = [];
let opened: Opened<typeof tables>;
let data: DataLayer<typeof tables>;
let id: string;
const replicas: string[] = [];

/** The standard one, with proxies before the replicas of eu-1. */
function topology() {
  const document = cluster.topology();
  const { 'eu-1': shard, ...others } = document.shards;
  if (shard === undefined) throw new TypeError('the standard topology has eu-1');
  return { ...document, shards: { 'eu-1': { ...shard, replicas }, ...others } };
}

beforeAll(async () => {
  cluster = await TestCluster.startOwn(2);
  for (const { url } of cluster.cluster.shards['eu-1'].replicas) {
    const proxy = await startChaosProxy({ target: url });
    proxies.push(proxy);
    replicas.push(proxy.urlFor(url));
  }
  opened = await cluster.open({
    topology: topology(),
    // What is shown here is not the breaker's doing.
    breaker: { failures: 1_000, stallMs: 60_000 },
  });
  data = opened.data;
  ({ id } = await data.users.insert({ country: 'DE', name: 'Ada' }));
});

it('replicas hear of the row', async () => {
  for (let turn = 0; turn < 2; turn++) {
    await expect.poll(() => data.users.get(id, replica)).toMatchObject({ name: 'Ada' });
  }
});

afterEach(() => {
  for (const proxy of proxies) proxy.heal();
});

afterAll(async () => {
  await cluster.stop();
  await Promise.all(proxies.map((proxy) => proxy.close()));
});

const events = (type: string) => opened.events.filter((event) => event.type === type);

describe('a read that replicas may answer', () => {
  it('is answered by the second one while the first is silent', async () => {
    const { data: rich, events: seen } = await cluster.open({
      topology: topology(),
      // Every read earns a hedge.
      retry: { budget: 1 },
      breaker: { failures: 1_000, stallMs: 60_000 },
    });
    for (let read = 0; read < 30; read++) await rich.users.get(id, replica);
    // Whichever of them has its turn.
    proxies[0]?.blackHole();
    for (let turn = 0; turn < 2; turn++) {
      expect(await rich.users.get(id, { ...replica, timeoutMs: 20_000 })).toMatchObject({ id });
    }
    expect(seen).toContainEqual(expect.objectContaining({ type: 'hedge', shard: 'eu-1' }));
  });

  it('is begun again elsewhere when its replica is known to be silent, without a hedge', async () => {
    const { data: steady } = await cluster.open({
      topology: topology(),
      retry: { hedge: false },
      breaker: { stallMs: 50, probeTimeoutMs: 100 },
    });
    for (let turn = 0; turn < 2; turn++) await steady.users.get(id, replica);
    for (const proxy of proxies) proxy.blackHole();
    expect(await steady.users.get(id, { ...replica, timeoutMs: 20_000 })).toMatchObject({ id });
  });

  it('is not hedged where nothing is slow', async () => {
    for (let read = 0; read < 100; read++) await data.users.get(id, replica);
    const from = events('hedge').length;
    const reads = 200;
    for (let read = 0; read < reads; read++) await data.users.get(id, replica);
    // One in twenty takes longer than 95 of 100 do, and a tenth is what the budget allows at most.
    expect(events('hedge').length - from).toBeLessThanOrEqual(reads / 10 + 10);
  });

  it('goes last to a replica that fails again and again', async () => {
    proxies[1]?.refuse();
    proxies[1]?.reset();
    for (let read = 0; read < 40; read++) {
      expect(await data.users.get(id, replica)).toMatchObject({ id });
    }
    const [ejected] = events('ejected');
    expect(ejected).toMatchObject({
      endpoint: 'eu-1/replica-2',
      because: 'failures',
      forMs: 30_000,
    });
    const from = events('retry').length;
    for (let read = 0; read < 20; read++) await data.users.get(id, replica);
    expect(events('retry').length).toBe(from);
  });

  it('ends with its deadline when nobody answers', async () => {
    for (const proxy of proxies) proxy.blackHole();
    await cluster.cluster.shards['eu-1'].primary.pause();
    try {
      const read = data.users.get(id, { ...replica, timeoutMs: 300 });
      await expect(read).rejects.toMatchObject({ outcome: 'not-applied' });
    } finally {
      await cluster.cluster.shards['eu-1'].primary.resume();
    }
  });
});

it('retries stop when the budget of their shard is spent', async () => {
  const { data: plain, events: seen } = await cluster.open({
    retry: { attempts: 3, baseMs: 1, maxMs: 1, budget: 0 },
    breaker: { failures: 1_000_000 },
    pool: { throttle: false },
  });
  await cluster.sql('eu-1', 'SET GLOBAL read_only = ON');
  try {
    for (let call = 0; call < 40; call++) {
      const insert = plain.users.insert({ country: 'DE', name: 'Never' });
      await expect(insert).rejects.toMatchObject({ outcome: 'not-applied', retryable: true });
    }
  } finally {
    await cluster.sql('eu-1', 'SET GLOBAL read_only = OFF');
  }
  const count = (type: string) => seen.filter((event) => event.type === type).length;
  // What a new budget lends, and what it lends in these seconds.
  expect(count('retry')).toBeLessThan(25);
  expect(count('retry-denied')).toBeGreaterThan(25);
});

it('sheddable calls are refused first, critical ones are served first', async () => {
  const { data: narrow } = await cluster.open({
    pool: { connections: 1, queue: 4, adaptive: false },
  });
  const order: string[] = [];
  const slow = (name: string, priority: 'critical' | 'default' | 'sheddable') =>
    narrow.transactions
      .at('account')
      .query('SELECT SLEEP(0.05) AS n', [], { priority })
      .then(
        () => order.push(name),
        () => order.push(`${name} refused`),
      );
  await Promise.all([
    slow('first', 'default'),
    slow('sheddable', 'sheddable'),
    slow('default', 'default'),
    slow('critical', 'critical'),
    slow('sheddable too many', 'sheddable'),
  ]);
  expect(order.indexOf('sheddable too many refused')).toBe(0);
  expect(order.filter((name) => !name.endsWith('refused'))).toEqual([
    'first',
    'critical',
    'default',
    'sheddable',
  ]);
  const wrong = narrow.users.get(id, { priority: 'urgent' as 'critical' });
  await expect(wrong).rejects.toMatchObject({ code: 'MERIDIAN_CONFIG' });
});
