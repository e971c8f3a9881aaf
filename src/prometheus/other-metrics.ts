import type { MeridianEvent } from '../observability/events.ts';
import type { Reporter } from './metrics.ts';

/** What the events of endpoints and of protocols add to metrics. */
export function addOther(reporter: Reporter, event: MeridianEvent): void {
  addEndpointEvent(reporter, event);
  addProtocolEvent(reporter, event);
}

function addEndpointEvent(reporter: Reporter, event: MeridianEvent): void {
  switch (event.type) {
    case 'retry':
      reporter.add('meridian_retries_total', { endpoint: event.endpoint, code: event.code });
      break;
    case 'retry-denied':
      reporter.add('meridian_retries_denied_total', { endpoint: event.endpoint, code: event.code });
      break;
    case 'hedge':
      reporter.add('meridian_hedges_total', { shard: event.shard });
      break;
    case 'ejected': {
      const { endpoint, because: reason } = event;
      reporter.add('meridian_ejections_total', { endpoint, reason });
      break;
    }
    case 'endpoint-fault':
      reporter.add('meridian_endpoint_faults_total', { endpoint: event.endpoint });
      break;
    case 'breaker':
      reporter.add('meridian_breaker_transitions_total', {
        guard: event.guard,
        state: event.state,
      });
      break;
    case 'read-batch': {
      const { table, shard, keys } = event;
      reporter.add('meridian_read_batches_total', { table, shard });
      reporter.add('meridian_read_batch_keys_total', { table, shard }, keys);
      break;
    }
    case 'scatter':
      reporter.add('meridian_scatters_total', { keyspace: event.keyspace });
      break;
  }
}

function addProtocolEvent(reporter: Reporter, event: MeridianEvent): void {
  switch (event.type) {
    case 'relocation': {
      const { table, from, to, pausedMs } = event;
      reporter.add('meridian_relocations_total', { table, from, to });
      reporter.observe('meridian_relocation_pause_duration_seconds', { table }, pausedMs);
      break;
    }
    case 'moves-settled': {
      const { shard, finished, reversed } = event;
      const name = 'meridian_relocations_resolved_total';
      reporter.add(name, { shard, result: 'finished' }, finished);
      reporter.add(name, { shard, result: 'reversed' }, reversed);
      break;
    }
    case 'directory-fault':
      reporter.add('meridian_directory_faults_total', { operation: event.operation });
      break;
    case 'directory-settled': {
      const { applied, aborted, pending } = event;
      reporter.add('meridian_directory_resolved_total', { result: 'applied' }, applied);
      reporter.add('meridian_directory_resolved_total', { result: 'aborted' }, aborted);
      reporter.set('meridian_directory_in_doubt', {}, pending);
      break;
    }
    case 'idempotency-fault':
      reporter.add('meridian_idempotency_faults_total', {});
      break;
    case 'residency':
      reporter.add('meridian_residency_refusals_total', { action: event.action });
      break;
  }
}
