import type { DataLayerState, EndpointStateNow } from '../observability/data-layer-state.ts';
import type { Reporter } from './metrics.ts';

const states = ['closed', 'half-open', 'open'] as const;

/** What a data layer is like at the moment of a scrape. */
export function readGauges(reporter: Reporter, state: DataLayerState): void {
  reporter.set('data_layer_ready', {}, state.ready ? 1 : 0);
  reporter.set('topology_epoch', {}, state.epoch);
  for (const [kind, calls] of Object.entries(state.running)) {
    reporter.set('calls_running', { kind }, calls);
  }
  for (const [redis, is] of Object.entries(state.redis)) {
    reporter.set('redis_up', { redis }, is === 'up' ? 1 : 0);
  }
  for (const endpoint of state.endpoints) readEndpoint(reporter, endpoint);
}

function readEndpoint(reporter: Reporter, now: EndpointStateNow): void {
  const { name: endpoint, shard, role, region, breaker, connections, idle } = now;
  reporter.set('endpoint_up', { shard, endpoint, role, region }, now.isUp ? 1 : 0);
  for (const state of states) {
    reporter.set('breaker_state', { endpoint, state }, breaker === state ? 1 : 0);
  }
  reporter.set('guard_running', { endpoint }, now.running);
  reporter.set('guard_queued', { endpoint }, now.queued);
  reporter.set('guard_limit', { endpoint }, now.limit);
  reporter.set('guard_throttled_ratio', { endpoint }, now.throttled);
  reporter.set('pool_connections', { endpoint, state: 'idle' }, idle);
  reporter.set('pool_connections', { endpoint, state: 'used' }, connections - idle);
  reporter.set('pool_connections_max', { endpoint }, now.maxConnections);
}
