import { didYouMean } from '../config/did-you-mean.ts';
import { ConfigError, type Problem } from '../errors/config-error.ts';
import type { MemoryRead } from '../observability/cache-events.ts';
import type { MeridianEvent, Observer, StateSource } from '../observability/events.ts';
import { addCacheEvent } from './cache-metrics.ts';
import { addCall, addMemoryReads } from './call-metrics.ts';
import { type MetricRegistry, Metrics, Reporter } from './metrics.ts';
import { addOther } from './other-metrics.ts';
import type { PrometheusOptions } from './prometheus-options.ts';
import { readGauges } from './read-gauges.ts';

/**
 * An observer that keeps the metrics of a data layer, or of caches and guards of their own, in a registry of
 * prom-client. `docs/guides/observability.md` lists them. Gauges are read when they are scraped.
 *
 * @throws {ConfigError} when this is no registry, or it holds other metrics by the same names. A second data
 * layer of the same name does not start while the first one runs.
 *
 * @example
 * import { register } from 'prom-client';
 * await createDataLayer({ ...options, observers: [prometheusObserver(register)] });
 * response.end(await register.metrics());
 */
export function prometheusObserver(
  registry: MetricRegistry,
  options: PrometheusOptions = {},
): Observer {
  checkOptions(registry, options);
  const { name = '', exemplar } = options;
  const reporter = new Reporter(Metrics.of(registry), name);
  const observe = (event: MeridianEvent) => {
    addCall(reporter, event, exemplar);
    addCacheEvent(reporter, event);
    addOther(reporter, event);
    if (event.type === 'closed') reporter.detach();
  };
  const attach = (source: StateSource) => {
    const counted = new Map<MemoryRead, number>();
    reporter.attach(() => {
      readGauges(reporter, source.state());
      for (const { event, count } of source.memoryReads()) {
        const times = count - (counted.get(event) ?? 0);
        counted.set(event, count);
        if (times > 0) addMemoryReads(reporter, event, times);
      }
    });
    return () => reporter.detach();
  };
  return Object.assign(observe, { attach });
}

const optionNames = ['name', 'exemplar'];

function checkOptions(registry: unknown, options: PrometheusOptions): void {
  const problems: Problem[] = [];
  const isRegistry =
    typeof registry === 'object' &&
    registry !== null &&
    'registerMetric' in registry &&
    'getSingleMetric' in registry;
  if (!isRegistry) {
    const message = 'must be a Registry of prom-client, such as its register or new Registry()';
    problems.push({ path: 'registry', message });
  }
  for (const name of Object.keys(options)) {
    if (optionNames.includes(name)) continue;
    const message = `unknown option${didYouMean(name, optionNames)}`;
    problems.push({ path: `options.${name}`, message });
  }
  const { name, exemplar } = options;
  const isNamed = name === undefined || (typeof name === 'string' && name !== '');
  if (!isNamed)
    problems.push({ path: 'options.name', message: 'must be a text that is not empty' });
  if (exemplar !== undefined && typeof exemplar !== 'function') {
    problems.push({ path: 'options.exemplar', message: 'must be a function' });
  }
  if (problems.length > 0) throw new ConfigError('Bad options of prometheusObserver', problems);
}
