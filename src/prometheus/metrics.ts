import { ConfigError } from '../errors/config-error.ts';
import type { CallQueue } from '../observability/call-event.ts';
import { counters, gauges, histograms, type LabelsOf } from './definitions.ts';
import { type Distribution, DurationFamily, type Value, ValueFamily } from './metric-family.ts';

/**
 * What is asked of a registry; prom-client's has this shape.
 *
 * @example
 * import { Registry } from 'prom-client';
 * const registry: MetricRegistry = new Registry();
 */
export interface MetricRegistry {
  registerMetric(metric: { get(): Promise<object>; reset(): void }): void;
  getSingleMetric(name: string): unknown;
}

/** Seconds: from a row in memory to a call that had the longest time. */
const bounds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** What the names of all metrics begin with. */
export const prefix = 'meridian_';

/** Gauges that events set. */
const told = new Set<string>([
  'cache_invalidations_pending',
  'directory_in_doubt',
] satisfies (keyof typeof gauges)[]);

const ofRegistry = new WeakMap<MetricRegistry, Metrics>();

/** The metrics of one registry, for all data layers that report to it. */
export class Metrics {
  readonly #values = new Map<string, ValueFamily>();
  readonly #durations = new Map<string, DurationFamily>();
  /** What brings the values of each data layer up to date, by the label `data_layer`. */
  readonly #sources = new Map<string, () => void>();
  #isFresh = false;

  /** @throws {ConfigError} when it holds metrics of others by these names; then none is registered. */
  static of(registry: MetricRegistry): Metrics {
    const known = ofRegistry.get(registry);
    if (known?.isIn(registry)) return known;
    const metrics = new Metrics();
    metrics.#register(registry);
    ofRegistry.set(registry, metrics);
    return metrics;
  }

  constructor() {
    const refresh = () => this.#refresh();
    for (const [name, definition] of Object.entries(counters)) {
      this.#values.set(
        name,
        new ValueFamily({ name: prefix + name, type: 'counter', ...definition }, refresh),
      );
    }
    for (const [name, definition] of Object.entries(gauges)) {
      this.#values.set(
        name,
        new ValueFamily({ name: prefix + name, type: 'gauge', ...definition }, refresh),
      );
    }
    for (const [name, definition] of Object.entries(histograms)) {
      const config = { name: prefix + name, type: 'histogram', ...definition } as const;
      this.#durations.set(name, new DurationFamily(config, refresh, bounds));
    }
  }

  values(name: keyof typeof counters | keyof typeof gauges): ValueFamily {
    return found(this.#values, name);
  }

  durations(name: keyof typeof histograms): DurationFamily {
    return found(this.#durations, name);
  }

  /** A registry may have been cleared. */
  isIn(registry: MetricRegistry): boolean {
    return this.#all().every(
      ([name, family]) => registry.getSingleMetric(prefix + name) === family,
    );
  }

  /** A data layer has started: what it knows is read at each scrape, by `read`. */
  addSource(dataLayer: string, read: () => void): void {
    if (this.#sources.has(dataLayer)) {
      const which = dataLayer === '' ? 'without a name' : `named '${dataLayer}'`;
      throw new ConfigError('Two data layers would report as one', [
        {
          path: 'observers',
          message:
            `a data layer ${which} reports to this registry already. ` +
            "Give each an observer of its own, with a name: prometheusObserver(registry, { name: 'orders' })",
        },
      ]);
    }
    this.#sources.set(dataLayer, read);
  }

  /** It was closed: its counters stay, what it was like at that moment goes. */
  removeSource(dataLayer: string): void {
    const read = this.#sources.get(dataLayer);
    this.#sources.delete(dataLayer);
    if (read !== undefined) this.#read(dataLayer, read);
    for (const name of Object.keys(gauges)) this.#values.get(name)?.forget(dataLayer);
  }

  /** What is read at each scrape: an endpoint may be none any more. */
  forgetRead(dataLayer: string): void {
    for (const name of Object.keys(gauges)) {
      if (!told.has(name)) this.#values.get(name)?.forget(dataLayer);
    }
  }

  #all() {
    return [...this.#values, ...this.#durations];
  }

  #register(registry: MetricRegistry): void {
    const taken = this.#all().filter(
      ([name]) => registry.getSingleMetric(prefix + name) !== undefined,
    );
    if (taken.length > 0) {
      throw new ConfigError(
        'The registry holds other metrics by these names',
        taken.map(([name]) => ({
          path: prefix + name,
          message:
            'is taken. Give the observer a registry of its own, and merge the two to be scraped',
        })),
      );
    }
    for (const [, family] of this.#all()) registry.registerMetric(family);
  }

  /** Once a scrape: the registry asks for all metrics in one turn. */
  #refresh(): void {
    if (this.#isFresh) return;
    this.#isFresh = true;
    queueMicrotask(() => {
      this.#isFresh = false;
    });
    for (const [dataLayer, read] of this.#sources) this.#read(dataLayer, read);
  }

  /** One that can't be read takes nothing from the others. */
  #read(dataLayer: string, read: () => void): void {
    try {
      read();
    } catch {
      this.values('scrape_faults_total').add({ data_layer: dataLayer });
    }
  }
}

function found<Family>(families: ReadonlyMap<string, Family>, name: string): Family {
  const family = families.get(name);
  if (family === undefined) throw new TypeError(`there is a metric ${name}`);
  return family;
}

interface CallSeries {
  readonly ended: Value;
  readonly attempts: Value;
  readonly retries: Value;
  readonly queued: Readonly<Record<CallQueue, Value>>;
  readonly duration: Distribution;
}

/** The metrics of a registry, as one data layer reports to them. */
export class Reporter {
  readonly #metrics: Metrics;
  readonly #dataLayer: string;
  readonly #calls = new Map<string, CallSeries>();

  constructor(metrics: Metrics, dataLayer: string) {
    this.#metrics = metrics;
    this.#dataLayer = dataLayer;
  }

  /** What calls of a kind add to: looked up once, since they are many. */
  callSeries(operation: string, table: string, outcome: string, code: string): CallSeries {
    const kind = `${operation} ${table} ${outcome} ${code}`;
    let series = this.#calls.get(kind);
    if (series === undefined) {
      const data_layer = this.#dataLayer;
      const labels = { data_layer, operation, table };
      const values = this.#metrics;
      const queued = (queue: string) =>
        values.values('call_queued_seconds_total').of({ data_layer, table, queue });
      series = {
        ended: values.values('calls_total').of({ ...labels, outcome, code }),
        attempts: values.values('call_attempts_total').of(labels),
        retries: values.values('call_retries_total').of(labels),
        queued: { guard: queued('guard'), pool: queued('pool'), load: queued('load') },
        duration: values.durations('call_duration_seconds').of(labels),
      };
      this.#calls.set(kind, series);
    }
    return series;
  }

  addDuration(series: CallSeries, durationMs: number, exemplar?: Readonly<Record<string, string>>) {
    const family = this.#metrics.durations('call_duration_seconds');
    family.observeIn(series.duration, durationMs, exemplar);
  }

  add<Name extends keyof typeof counters>(
    name: Name,
    labels: LabelsOf<typeof counters, Name>,
    value = 1,
  ): void {
    this.#metrics.values(name).add({ ...labels, data_layer: this.#dataLayer }, value);
  }

  set<Name extends keyof typeof gauges>(
    name: Name,
    labels: LabelsOf<typeof gauges, Name>,
    value: number,
  ): void {
    this.#metrics.values(name).set({ ...labels, data_layer: this.#dataLayer }, value);
  }

  observe<Name extends keyof typeof histograms>(
    name: Name,
    labels: LabelsOf<typeof histograms, Name>,
    durationMs: number,
    times = 1,
  ): void {
    const all = { ...labels, data_layer: this.#dataLayer };
    this.#metrics.durations(name).observe(all, durationMs, times);
  }

  attach(read: () => void): void {
    this.#metrics.addSource(this.#dataLayer, () => {
      this.#metrics.forgetRead(this.#dataLayer);
      read();
    });
  }

  detach(): void {
    this.#metrics.removeSource(this.#dataLayer);
  }
}
