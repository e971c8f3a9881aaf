import { once } from 'node:events';
import { createServer } from 'node:http';
import { ConfigError } from 'meridian';
import { createScaler, scalerEndpoint } from 'meridian/scaling';
import { afterAll, beforeAll, expect, it } from 'vitest';

const scaler = createScaler({ maxLoadPerInstance: 100, leadTimeMs: 60_000 });
scaler.observe(950);
const endpoint = scalerEndpoint(scaler, { service: 'check"out\n' });
const server = createServer((request, response) => {
  if (!endpoint(request, response)) response.writeHead(404).end();
});
let origin = '';

beforeAll(async () => {
  server.listen({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no TCP address');
  origin = `http://127.0.0.1:${address.port}`;
});
afterAll(() => server.close());

// keda.sh, "Metrics API" scaler: any JSON, of which valueLocation names a number.
it('gives KEDA a number at valueLocation', async () => {
  const body = await (await fetch(`${origin}/scaling?now`)).json();
  expect(body).toMatchObject({ instances: 12, method: 'rule' });
});

// prometheus.io, "Exposition formats".
it('gives Prometheus gauges with escaped labels', async () => {
  const response = await fetch(`${origin}/scaling/metrics`);
  expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  const text = await response.text();
  expect(text).toContain('# TYPE meridian_recommended_instances gauge\n');
  expect(text).toContain('meridian_recommended_instances{service="check\\"out\\n"} 12\n');
  for (const line of text.trimEnd().split('\n')) {
    expect(line).toMatch(/^(# (HELP|TYPE) \w+ .+|\w+\{service="(\\.|[^"\\])*"\} [\d.e+]+)$/);
  }
});

// k8s.io/metrics, external_metrics/v1beta1: ExternalMetricValueList.
it('gives Kubernetes an ExternalMetricValueList', async () => {
  const path =
    '/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/meridian_recommended_instances';
  const body = await (await fetch(`${origin}${path}?labelSelector=a%21%3Db`)).json();
  expect(body).toEqual({
    kind: 'ExternalMetricValueList',
    apiVersion: 'external.metrics.k8s.io/v1beta1',
    metadata: {},
    items: [
      {
        metricName: 'meridian_recommended_instances',
        metricLabels: { service: 'check"out\n' },
        timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
        value: '12',
      },
    ],
  });
});

it.each([
  ['', 1],
  ['service=checkout', 1],
  ['service == checkout, region!=eu', 1],
  ['service=payments', 0],
  ['service!=checkout', 0],
  ['service=checkout,region=eu', 0],
  ['toString=x', 0],
  ['service in (checkout,payments)', 0],
])('gives Kubernetes what its selector asks for: %j', (selector, count) => {
  const shop = scalerEndpoint(scaler, { service: 'checkout' });
  let body = '';
  const url = `/apis/external.metrics.k8s.io/v1beta1/namespaces/a/meridian_recommended_instances?labelSelector=${encodeURIComponent(selector)}`;
  shop({ url, method: 'GET' }, { writeHead: () => {}, end: (text) => (body = text ?? '') });
  expect(JSON.parse(body).items).toHaveLength(count);
});

it('leaves other paths to the server, and refuses what is no GET', async () => {
  expect((await fetch(`${origin}/other`)).status).toBe(404);
  expect((await fetch(`${origin}/scaling`, { method: 'POST' })).status).toBe(405);
  expect((await fetch(`${origin}/scaling`, { method: 'HEAD' })).status).toBe(200);
});

it('says 503 before the first sample, so that nobody scales a fleet down to one', async () => {
  const early = scalerEndpoint(createScaler({ maxLoadPerInstance: 100, leadTimeMs: 60_000 }));
  let status = 0;
  const response = {
    writeHead: (given: number) => {
      status = given;
    },
    end: () => {},
  };
  expect(early({ url: '/scaling', method: 'GET' }, response)).toBe(true);
  expect(status).toBe(503);
});

it('refuses a name that Prometheus would not take', () => {
  expect(() => scalerEndpoint(scaler, { metric: 'a-b' })).toThrow(ConfigError);
});
