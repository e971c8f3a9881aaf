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
      reporter.add('retries_total', { endpoint: event.endpoint, code: event.code });
      break;
    case 'retry-denied':
      reporter.add('retries_denied_total', { endpoint: event.endpoint, code: event.code });
      break;
    case 'hedge':
      reporter.add('hedges_total', { shard: event.shard });
      break;
    case 'ejected': {
      const { endpoint, because: reason } = event;
      reporter.add('ejections_total', { endpoint, reason });
      break;
    }
    case 'endpoint-fault':
      reporter.add('endpoint_faults_total', { endpoint: event.endpoint });
      break;
    case 'breaker':
      reporter.add('breaker_transitions_total', {
        guard: event.guard,
        state: event.state,
      });
      break;
    case 'read-batch': {
      const { table, shard, keys } = event;
      reporter.add('read_batches_total', { table, shard });
      reporter.add('read_batch_keys_total', { table, shard }, keys);
      break;
    }
    case 'scatter':
      reporter.add('scatters_total', { keyspace: event.keyspace });
      break;
  }
}

function addProtocolEvent(reporter: Reporter, event: MeridianEvent): void {
  switch (event.type) {
    case 'relocation': {
      const { table, from, to, pausedMs } = event;
      reporter.add('relocations_total', { table, from, to });
      reporter.observe('relocation_pause_duration_seconds', { table }, pausedMs);
      break;
    }
    case 'relocations-resolved': {
      const { shard, finished, reversed } = event;
      const name = 'relocations_resolved_total';
      reporter.add(name, { shard, result: 'finished' }, finished);
      reporter.add(name, { shard, result: 'reversed' }, reversed);
      break;
    }
    case 'directory-fault':
      reporter.add('directory_faults_total', { operation: event.operation });
      break;
    case 'directory-resolved': {
      const { applied, aborted, pending } = event;
      reporter.add('directory_resolved_total', { result: 'applied' }, applied);
      reporter.add('directory_resolved_total', { result: 'aborted' }, aborted);
      reporter.set('directory_in_doubt', {}, pending);
      break;
    }
    case 'relocation-fault':
      reporter.add('relocation_faults_total', {});
      break;
    case 'idempotency-fault':
      reporter.add('idempotency_faults_total', {});
      break;
    case 'residency':
      reporter.add('residency_refusals_total', { action: event.action });
      break;
  }
}
