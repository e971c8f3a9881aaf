import type { MeridianEvent } from '../observability/events.ts';
import type { Reporter } from './metrics.ts';

/** What the events of caches add to metrics. */
export function addCacheEvent(reporter: Reporter, event: MeridianEvent): void {
  switch (event.type) {
    case 'cache': {
      const { table, result } = event;
      reporter.add('cache_reads_total', { table, result }, event.keys);
      break;
    }
    case 'cache-read': {
      const { table, durationMs } = event;
      reporter.observe('cache_read_duration_seconds', { table }, durationMs);
      break;
    }
    case 'cache-load': {
      const { table, outcome, durationMs } = event;
      reporter.observe('cache_load_duration_seconds', { table, outcome }, durationMs);
      break;
    }
    case 'cache-wait': {
      const { table, durationMs } = event;
      reporter.observe('cache_lease_wait_duration_seconds', { table }, durationMs);
      break;
    }
    case 'cache-fault':
      reporter.add('cache_faults_total', { operation: event.operation });
      break;
    case 'cache-gap':
      reporter.add('cache_gaps_total', { redis: event.redis });
      break;
    case 'cache-shadow': {
      const { table, outcome } = event;
      reporter.add('cache_shadow_reads_total', { table, outcome });
      break;
    }
    case 'cache-invalidation': {
      const { queue, queued, state } = event;
      reporter.set('cache_invalidations_pending', { queue }, queued);
      if (state === 'overflow') {
        reporter.add('cache_invalidation_overflows_total', { queue });
      }
      break;
    }
  }
}
