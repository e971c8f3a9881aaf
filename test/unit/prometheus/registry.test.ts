import { createCache } from 'meridian/cache';
import { prometheusObserver } from 'meridian/prometheus';
import { createGuard } from 'meridian/resilience';
import { Counter, type OpenMetricsContentType, Registry } from 'prom-client';
import { expect, it } from 'vitest';

it('names that are taken are refused, and nothing is registered', () => {
  const registry = new Registry();
  new Counter({ name: 'meridian_calls_total', help: 'of somebody else', registers: [registry] });
  expect(() => prometheusObserver(registry)).toThrow(/meridian_calls_total: is taken/);
  expect(registry.getMetricsAsArray()).toHaveLength(1);
});

it('what is no registry is refused, as are options that make no sense', () => {
  expect(() => prometheusObserver(JSON.parse('{}'))).toThrow(/must be a Registry of prom-client/);
  const registry = new Registry();
  const options = JSON.parse('{ "nmae": "x", "exemplar": 1 }');
  expect(() => prometheusObserver(registry, options)).toThrow(/did you mean 'name'[\s\S]*exemplar/);
  expect(() => prometheusObserver(registry, { name: '' })).toThrow(/must be a text/);
});

it('a registry that was cleared gets them anew', async () => {
  const registry = new Registry();
  prometheusObserver(registry);
  registry.clear();
  prometheusObserver(registry);
  expect(registry.getSingleMetric('meridian_calls_total')).toBeDefined();
});

it('a registry that throws is its owner’s to hear of', () => {
  const registry = {
    getSingleMetric: () => undefined,
    registerMetric: () => {
      throw new Error('full');
    },
  };
  expect(() => prometheusObserver(registry)).toThrow('full');
});

it('serves caches and guards of their own', async () => {
  const registry = new Registry();
  const observer = prometheusObserver(registry, { name: 'prices' });
  const cache = createCache<number>({ redis: false, namespace: 'prices', ttlMs: 60_000, observer });
  await cache.get('a', async () => 1);
  await cache.get('a', async () => 1);
  await cache.close();
  const guard = createGuard('rates', { failures: 1, observer });
  await guard.run(async () => Promise.reject(new Error('down'))).catch(() => undefined);
  const scrape = await registry.metrics();
  expect(scrape).toContain(
    'meridian_cache_reads_total{data_layer="prices",table="prices",result="memory"} 1',
  );
  expect(scrape).toContain(
    'meridian_breaker_transitions_total{data_layer="prices",guard="rates",state="open"} 1',
  );
});

it('names with quotes, ANSI codes and line ends are escaped', async () => {
  const registry = new Registry();
  const observer = prometheusObserver(registry);
  const endpoint = 'a"b\\c\n\u001b[31m<script>';
  observer({ type: 'endpoint-fault', endpoint, message: 'down' });
  const lines = (await registry.metrics()).split('\n');
  expect(lines.filter((line) => line.startsWith('meridian_endpoint_faults_total{'))).toEqual([
    'meridian_endpoint_faults_total{endpoint="a\\"b\\\\c\\n\u001b[31m<script>"} 1',
  ]);
});

const ended = {
  type: 'call',
  operation: 'get',
  table: 'users',
  shards: [],
  durationMs: 3,
  queuedMs: { guard: 1_000, pool: 0, load: 0 },
  attempts: 1,
  retries: 0,
  outcome: 'done',
  code: undefined,
} as const;

it.each<[string, () => undefined]>([
  ['throws', () => expect.unreachable()],
  ['gives null', () => JSON.parse('null')],
])('an exemplar that %s leaves the metrics of its call whole', async (_, exemplar) => {
  const registry = new Registry<OpenMetricsContentType>();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  const observer = prometheusObserver(registry, { exemplar });
  try {
    observer(ended);
  } catch {
    // The data layer that tells it warns of this.
  }
  const scrape = await registry.metrics();
  for (const line of [
    'meridian_calls_total{operation="get",table="users",outcome="done"} 1',
    'meridian_call_duration_seconds_count{operation="get",table="users"} 1',
    'meridian_call_queued_seconds_total{table="users",queue="guard"} 1',
  ])
    expect(scrape).toContain(line);
});

it('a data layer that can not be read takes nothing from the others at a scrape', async () => {
  const registry = new Registry();
  const state = { ready: true, epoch: 7, running: {}, redis: {}, endpoints: [] };
  const memoryReads = () => [];
  const attach = (name: string, read: () => typeof state) =>
    prometheusObserver(registry, { name }).attach?.({ state: read, memoryReads });
  const detach = attach('broken', () => expect.unreachable());
  attach('well', () => state);
  const scrape = await registry.metrics();
  expect(scrape).toContain('meridian_topology_epoch{data_layer="well"} 7');
  expect(scrape).toContain('meridian_scrape_faults_total{data_layer="broken"} 1');
  expect(detach).not.toThrow();
});
