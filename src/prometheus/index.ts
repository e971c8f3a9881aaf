/**
 * Metrics of Meridian for Prometheus, in a registry of prom-client.
 *
 * @module
 */

export type { MetricRegistry } from './metrics.ts';
export { prometheusObserver } from './prometheus-observer.ts';
export type { PrometheusOptions } from './prometheus-options.ts';
