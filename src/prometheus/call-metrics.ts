import type { MemoryRead } from '../observability/cache-events.ts';
import type { MeridianEvent } from '../observability/events.ts';
import type { Reporter } from './metrics.ts';
import type { PrometheusOptions } from './prometheus-options.ts';

const queues = ['guard', 'pool', 'load'] as const;

/** What the events of calls and of their statements add to metrics. */
export function addCall(
  reporter: Reporter,
  event: MeridianEvent,
  exemplarOf: PrometheusOptions['exemplar'],
): void {
  switch (event.type) {
    case 'call': {
      const { operation, table = '', durationMs, outcome, code = '' } = event;
      reporter.add('meridian_calls_total', { operation, table, outcome, code });
      const exemplar = exemplarOf?.();
      const labels = { operation, table };
      reporter.observe(
        'meridian_call_duration_seconds',
        labels,
        durationMs,
        exemplar && { exemplar },
      );
      reporter.add('meridian_call_attempts_total', labels, event.attempts);
      reporter.add('meridian_call_retries_total', labels, event.retries);
      for (const queue of queues) {
        const queuedMs = event.queuedMs[queue];
        if (queuedMs === 0) continue;
        reporter.add('meridian_call_queued_seconds_total', { table, queue }, queuedMs / 1_000);
      }
      break;
    }
    case 'statement': {
      const { shard, endpoint, operation, durationMs, outcome } = event;
      const labels = { shard, endpoint, operation };
      reporter.observe('meridian_statement_duration_seconds', labels, durationMs);
      if (outcome === 'failed') reporter.add('meridian_statement_failures_total', labels);
      break;
    }
    case 'acquire': {
      const { shard, endpoint, durationMs, outcome } = event;
      const labels = { shard, endpoint };
      reporter.observe('meridian_connection_acquire_duration_seconds', labels, durationMs);
      if (outcome === 'failed') reporter.add('meridian_connection_failures_total', labels);
      break;
    }
  }
}

/** As many events would have added as there were reads that memory answered. */
export function addMemoryReads(reporter: Reporter, event: MemoryRead, times: number): void {
  if (event.type === 'cache') {
    const { table, result } = event;
    reporter.add('meridian_cache_reads_total', { table, result }, times);
    return;
  }
  const { operation, table = '', outcome } = event;
  reporter.add('meridian_calls_total', { operation, table, outcome, code: '' }, times);
  reporter.observe('meridian_call_duration_seconds', { operation, table }, 0, { times });
}
