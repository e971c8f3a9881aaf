import { ConfigError } from '../errors/config-error.ts';
import type { Recommendation } from './recommendation.ts';
import type { Scaler } from './scaler.ts';

/**
 * How a scaler's endpoint names the service and its metric.
 *
 * @example
 * const endpoint = scalerEndpoint(scaler, { service: 'checkout', metric: 'checkout_instances' });
 */
export interface ScalerEndpointOptions {
  /** Names the service in the gauge's label. Default `service`. */
  readonly service?: string | undefined;
  /** The name of the metric: letters, digits and `_`. Default `meridian_recommended_instances`. */
  readonly metric?: string | undefined;
}

/**
 * What is read of a request: one of Node's, or of a framework on it.
 *
 * @see {@link scalerEndpoint}
 */
export interface ScalingRequest {
  readonly url?: string | undefined;
  readonly method?: string | undefined;
}

/**
 * What an answer is written to: one of Node's, or of a framework on it.
 *
 * @see {@link scalerEndpoint}
 */
export interface ScalingResponse {
  writeHead(status: number, headers: Record<string, string>): unknown;
  end(body?: string): unknown;
}

/**
 * Answers a request; false, and nothing is written, when its path is not one of the endpoint's.
 *
 * @see {@link scalerEndpoint}
 */
export type ScalerEndpoint = (request: ScalingRequest, response: ScalingResponse) => boolean;

/**
 * Tells autoscalers what the scaler recommends, for mounting in any Node HTTP server. It answers to GET:
 *
 * - `/scaling`: the recommendation as JSON. KEDA's metrics-api scaler takes it with `valueLocation: 'instances'`
 *   and `targetValue: '1'`.
 * - `/scaling/metrics`: a gauge in Prometheus' text format.
 * - `/apis/external.metrics.k8s.io/v1beta1/namespaces/<any>/<metric>`: an ExternalMetricValueList, for a
 *   HorizontalPodAutoscaler with a metric of type External and an `averageValue` of 1. It is empty where a
 *   `labelSelector` asks for another `service`, and for selectors of other forms than `a=b,c!=d`.
 *
 * Before the first sample all of them are answered with 503, so that whoever asks keeps the instances there are.
 *
 * @throws ConfigError for a metric's name that Prometheus would not take.
 * @example
 * import { createServer } from 'node:http';
 * const endpoint = scalerEndpoint(scaler, { service: 'checkout' });
 * createServer((request, response) => {
 *   if (!endpoint(request, response)) response.writeHead(404).end();
 * });
 */
export function scalerEndpoint(
  scaler: Scaler,
  { service = 'service', metric = 'meridian_recommended_instances' }: ScalerEndpointOptions = {},
): ScalerEndpoint {
  if (!/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(metric)) {
    throw new ConfigError('The endpoint cannot be made', [
      { path: 'metric', message: `must be letters, digits and _, not '${metric}'` },
    ]);
  }
  const external = new RegExp(
    `^/apis/external\\.metrics\\.k8s\\.io/v1beta1/namespaces/[^/]+/${metric}$`,
  );
  return (request, response) => {
    const [path = '', query = ''] = (request.url ?? '').split('?', 2);
    const answer = answerTo(path, external);
    if (answer === undefined) return false;
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' });
      response.end();
      return true;
    }
    const recommendation = scaler.recommend();
    const selector = new URLSearchParams(query).get('labelSelector') ?? '';
    const { type, body } = answer(recommendation, service, metric, selector);
    // A scaler that has just begun knows nothing: who asks must keep what there is.
    const status = recommendation.samples === 0 ? 503 : 200;
    response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
    response.end(request.method === 'HEAD' ? undefined : body);
    return true;
  };
}

type Answer = (
  recommendation: Recommendation,
  service: string,
  metric: string,
  selector: string,
) => { readonly type: string; readonly body: string };

function answerTo(path: string, external: RegExp): Answer | undefined {
  if (path === '/scaling') return asJson;
  if (path === '/scaling/metrics') return asGauge;
  return external.test(path) ? asExternalMetric : undefined;
}

const asJson: Answer = (recommendation) => ({
  type: 'application/json',
  body: JSON.stringify(recommendation),
});

const asGauge: Answer = ({ instances, forecast, load }, service, metric) => {
  const label = `{service="${service.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n')}"}`;
  const gauge = (name: string, help: string, value: number) =>
    `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${name}${label} ${value}\n`;
  return {
    type: 'text/plain; version=0.0.4; charset=utf-8',
    body:
      gauge(metric, 'Instances that the scaler recommends.', instances) +
      gauge(`${metric}_load`, 'The load that the scaler saw last.', load) +
      gauge(`${metric}_forecast`, 'The greatest load expected within the lead time.', forecast),
  };
};

const asExternalMetric: Answer = ({ instances }, service, metric, selector) => {
  const metricLabels = { service };
  const item = {
    metricName: metric,
    metricLabels,
    timestamp: new Date().toISOString(),
    value: String(instances),
  };
  const list = { kind: 'ExternalMetricValueList', apiVersion: 'external.metrics.k8s.io/v1beta1' };
  const items = isSelected(metricLabels, selector) ? [item] : [];
  return { type: 'application/json', body: JSON.stringify({ ...list, metadata: {}, items }) };
};

/** Source: kubernetes.io, "Labels and Selectors", equality-based requirements. */
function isSelected(labels: Readonly<Record<string, string>>, selector: string): boolean {
  if (selector.trim() === '') return true;
  return selector.split(',').every((one) => {
    const [, name = '', sign, value = ''] = /^([^=!]+)(==?|!=)([^=!]*)$/.exec(one) ?? [];
    if (sign === undefined) return false;
    const label = Object.hasOwn(labels, name.trim()) ? labels[name.trim()] : undefined;
    return (label === value.trim()) === (sign !== '!=');
  });
}
