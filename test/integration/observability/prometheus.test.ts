import { isMeridianError } from 'meridian';
import { prometheusObserver } from 'meridian/prometheus';
import { type OpenMetricsContentType, Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { accountOn, failureOf, TestCluster } from '../../support/cluster.ts';
import { promtool } from '../../support/judges/promtool.ts';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await TestCluster.start();
});
afterAll(() => cluster.stop());

async function open(registry: Registry, options: Parameters<typeof prometheusObserver>[1] = {}) {
  return (await cluster.open({ observers: [prometheusObserver(registry, options)] })).data;
}

/** The value of a series, as a scrape has it. */
async function sampleOf(registry: Registry, series: string): Promise<number | undefined> {
  const lines = (await registry.metrics()).split('\n');
  const line = lines.find((one) => one.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

/** What has values only where something went wrong, or two ran into each other. */
const byChance =
  /gaps|fault|retries_(total|denied)|hedges|ejections|transitions|lease_wait|pending/;

/** Each metric of a scrape with its type, and the names of its labels. */
function shapeOf(scrape: string): string[] {
  return [...scrape.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => {
    if (byChance.test(name)) return `${name} ${type}`;
    const of = new RegExp(`^${name}(?:_bucket|_sum|_count)?\\{(.*)\\} \\S+$`, 'gm');
    const labels = [...scrape.matchAll(of)].flatMap(([, inner = '']) => inner.match(/\w+(?==")/g));
    return [name, type, ...new Set(labels)].join(' ');
  });
}

describe('a scrape of a data layer that works', () => {
  const registry = new Registry();
  const secret = 'a name that no metric may hold';
  let scrape: string;
  let ids: string[];

  beforeAll(async () => {
    const data = await open(registry);
    const { id } = await data.users.insert({ country: 'DE', name: secret });
    for (let turn = 0; turn < 4; turn++) await data.users.get(id);
    await data.users.getMany([id, id]);
    await data.users.update(id, { name: 'other' });
    await data.users.everywhere.query('SELECT id FROM users');
    const account = accountOn('tx-1', data.transactions);
    const at = data.transactions.at(account);
    const row = await at.transaction((trx) =>
      trx.transactions.insert({ account_id: account, cents: 1n }),
    );
    await Promise.all([data.transactions.get(row.id), data.transactions.get(row.id)]);
    const failed =
      'meridian_statement_failures_total{shard="tx-1",endpoint="tx-1/primary",operation="update"}';
    const before = (await sampleOf(registry, failed)) ?? 0;
    await failureOf(at.execute('UPDATE no_such_table SET a = 1 WHERE account_id = ?', [account]));
    // It is prepared anew, and fails again.
    expect(await sampleOf(registry, failed)).toBe(before + 2);
    ids = [id, row.id, account];
    scrape = await registry.metrics();
  });

  it('is sound, as promtool sees it', () => {
    expect(promtool(['check', 'metrics'], scrape)).toEqual({ code: 0, output: '' });
  });

  it('has these metrics, with these labels', async () => {
    await expect(`${shapeOf(scrape).join('\n')}\n`).toMatchFileSnapshot('golden-scrape.txt');
  });

  it('holds no key, address, SQL or row', () => {
    for (const hidden of [...ids, secret, '127.0.0.1', 'UPDATE', 'no_such_table']) {
      expect(scrape).not.toContain(hidden);
    }
  });

  it.each([
    ['meridian_calls_total{operation="insert",table="users",outcome="done"}', 1],
    // One of them asks Redis and the shard; the others memory.
    ['meridian_calls_total{operation="get",table="users",outcome="done"}', 4],
    ['meridian_call_duration_seconds_count{operation="get",table="users"}', 4],
    ['meridian_calls_total{operation="get",table="transactions",outcome="done"}', 2],
    ['meridian_call_attempts_total{operation="get",table="transactions"}', 2],
    ['meridian_read_batches_total{table="transactions",shard="tx-1"}', 1],
    ['meridian_scatters_total{keyspace="people"}', 1],
    ['meridian_cache_reads_total{table="users",result="memory"}', 4],
    ['meridian_cache_reads_total{table="users",result="miss"}', 1],
    ['meridian_cache_load_duration_seconds_count{table="users",outcome="done"}', 1],
    ['meridian_cache_read_duration_seconds_count{table="users"}', 1],
    [
      'meridian_statement_duration_seconds_count{shard="tx-1",endpoint="tx-1/primary",operation="commit"}',
      1,
    ],
    ['meridian_data_layer_ready', 1],
    ['meridian_topology_epoch', 1],
    ['meridian_endpoint_up{shard="tx-1",endpoint="tx-1/primary",role="primary",region="eu"}', 1],
    ['meridian_breaker_state{endpoint="tx-1/primary",state="closed"}', 1],
    ['meridian_breaker_state{endpoint="tx-1/primary",state="open"}', 0],
    ['meridian_pool_connections{endpoint="tx-1/primary",state="used"}', 0],
    ['meridian_redis_up{redis="redis"}', 1],
  ])('%s is %i', async (series, value) => {
    expect(await sampleOf(registry, series)).toBe(value);
  });

  it('counts a failure by its code', () => {
    expect(scrape).toMatch(
      /^meridian_calls_total\{operation="at.execute",table="transactions",outcome="not-applied",code="MERIDIAN_STATEMENT"\} 1$/m,
    );
  });

  it('gauges are read when they are scraped', async () => {
    const data = await open(registry, { name: 'busy' });
    const at = data.transactions.at(accountOn('tx-2', data.transactions));
    const running = at.query('SELECT SLEEP(0.2)');
    const used =
      'meridian_pool_connections{data_layer="busy",endpoint="tx-2/primary",state="used"}';
    await expect.poll(() => sampleOf(registry, used)).toBe(1);
    await expect
      .poll(() => sampleOf(registry, 'meridian_calls_running{data_layer="busy",kind="read"}'))
      .toBe(1);
    await running;
    expect(await sampleOf(registry, used)).toBe(0);
  });
});

describe('two data layers', () => {
  it('report to one registry under names of their own', async () => {
    const registry = new Registry();
    const orders = await open(registry, { name: 'orders' });
    const billing = await open(registry, { name: 'billing' });
    await orders.users.insert({ country: 'DE', name: 'x' });
    await billing.users.insert({ country: 'DE', name: 'x' });
    await billing.users.insert({ country: 'DE', name: 'x' });
    const of = (name: string) =>
      `meridian_calls_total{data_layer="${name}",operation="insert",table="users",outcome="done"}`;
    expect(await sampleOf(registry, of('orders'))).toBe(1);
    expect(await sampleOf(registry, of('billing'))).toBe(2);
    await billing.close();
    // What it counted stays, what it was like goes.
    expect(await sampleOf(registry, of('billing'))).toBe(2);
    expect(
      await sampleOf(registry, 'meridian_data_layer_ready{data_layer="billing"}'),
    ).toBeUndefined();
    expect(await sampleOf(registry, 'meridian_data_layer_ready{data_layer="orders"}')).toBe(1);
  });

  it('the second one of the same name does not start, until the first one is closed', async () => {
    const registry = new Registry();
    const first = await open(registry);
    const refused = await failureOf(open(registry));
    expect(isMeridianError(refused) && refused.code).toBe('MERIDIAN_CONFIG');
    expect(refused).toMatchObject({
      message: expect.stringContaining('prometheusObserver(registry, { name'),
    });
    await first.close();
    await open(registry);
  });
});

it('exemplars say which trace a slow call was of, where OpenMetrics is spoken', async () => {
  const registry = new Registry<OpenMetricsContentType>();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  const exemplar = () => ({ trace_id: 'abc123' });
  const { data } = await cluster.open({ observers: [prometheusObserver(registry, { exemplar })] });
  await data.users.insert({ country: 'DE', name: 'x' });
  expect(await registry.metrics()).toMatch(
    /^meridian_call_duration_seconds_bucket\{operation="insert",table="users",le="\S+"\} 1 # \{trace_id="abc123"\} \S+ \S+$/m,
  );
});
