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
      const series = reporter.callSeries(operation, table, outcome, code);
      series.ended.value++;
      series.attempts.value += event.attempts;
      series.retries.value += event.retries;
      for (const queue of queues) series.queued[queue].value += event.queuedMs[queue] / 1_000;
      let exemplar: ReturnType<NonNullable<typeof exemplarOf>>;
      try {
        exemplar = exemplarOf?.();
      } finally {
        // What it throws is warned of; the call was there all the same.
        reporter.addDuration(series, durationMs, exemplar);
      }
      break;
    }
    case 'statement': {
      const { shard, endpoint, operation, durationMs, outcome } = event;
      const labels = { shard, endpoint, operation };
      reporter.observe('statement_duration_seconds', labels, durationMs);
      if (outcome === 'failed') reporter.add('statement_failures_total', labels);
      break;
    }
    case 'acquire': {
      const { shard, endpoint, durationMs, outcome } = event;
      const labels = { shard, endpoint };
      reporter.observe('connection_acquire_duration_seconds', labels, durationMs);
      if (outcome === 'failed') reporter.add('connection_failures_total', labels);
      break;
    }
  }
}

/** As many events would have added as there were reads that memory answered. */
export function addMemoryReads(reporter: Reporter, event: MemoryRead, times: number): void {
  if (event.type === 'cache') {
    const { table, result } = event;
    reporter.add('cache_reads_total', { table, result }, times);
    return;
  }
  const { operation, table = '', outcome } = event;
  reporter.add('calls_total', { operation, table, outcome, code: '' }, times);
  reporter.observe('call_duration_seconds', { operation, table }, 0, times);
}
