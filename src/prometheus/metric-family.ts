type Labels = Readonly<Record<string, string>>;

/** One line of a scrape, as prom-client's registry writes it. */
interface Sample {
  readonly metricName?: string;
  readonly labels: Labels;
  readonly value: number;
  readonly exemplar?: Exemplar | undefined;
}

interface Exemplar {
  readonly labelSet: Labels;
  readonly value: number;
  /** Seconds since 1970. */
  readonly timestamp: number;
}

export interface FamilyConfig {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
  readonly aggregator?: 'max' | 'min';
}

/**
 * A metric with the values of all its labels, in the shape that prom-client's registry asks for at a
 * scrape. Its own metrics hash their labels at every observation, which costs more than a cached read.
 */
abstract class MetricFamily<Series> {
  /** The registry takes `_total` off it while it speaks OpenMetrics. */
  name: string;
  readonly help: string;
  readonly type: FamilyConfig['type'];
  readonly aggregator: string;
  readonly #labels: readonly string[];
  readonly #series = new Map<string, { readonly labels: Labels; readonly series: Series }>();
  readonly #refresh: () => void;

  /** @param refresh brings what is read at a scrape up to date. */
  constructor(config: FamilyConfig, refresh: () => void) {
    this.name = config.name;
    this.help = config.help;
    this.type = config.type;
    this.aggregator = config.aggregator ?? 'sum';
    this.#labels = ['data_layer', ...config.labels];
    this.#refresh = refresh;
  }

  protected abstract create(): Series;
  protected abstract zero(series: Series): void;
  protected abstract samplesOf(labels: Labels, series: Series): Sample[];

  /** The series of these labels, for as long as the registry lasts. */
  of(labels: Labels): Series {
    const key = this.#labels.map((name) => labels[name]).join('\u0000');
    let known = this.#series.get(key);
    if (known === undefined) {
      const kept = this.#labels.map((name) => [name, labels[name] ?? ''] as const);
      // An empty label is none.
      const shown = Object.fromEntries(kept.filter(([, value]) => value !== ''));
      known = { labels: shown, series: this.create() };
      this.#series.set(key, known);
    }
    return known.series;
  }

  /** What the registry asks for at a scrape. */
  async get() {
    this.#refresh();
    const { name, help, type, aggregator } = this;
    const values = [...this.#series.values()].flatMap(({ labels, series }) =>
      this.samplesOf(labels, series),
    );
    return { name, help, type, aggregator, values };
  }

  reset(): void {
    for (const { series } of this.#series.values()) this.zero(series);
  }

  /** Forgets what one data layer has reported. */
  forget(dataLayer: string): void {
    for (const [key, { labels }] of this.#series) {
      if ((labels.data_layer ?? '') === dataLayer) this.#series.delete(key);
    }
  }
}

export interface Value {
  value: number;
}

/** A counter or a gauge. */
export class ValueFamily extends MetricFamily<Value> {
  add(labels: Labels, value = 1): void {
    this.of(labels).value += value;
  }

  set(labels: Labels, value: number): void {
    this.of(labels).value = value;
  }

  protected create() {
    return { value: 0 };
  }

  protected zero(series: Value): void {
    series.value = 0;
  }

  protected samplesOf(labels: Labels, { value }: Value): Sample[] {
    return [{ labels, value }];
  }
}

export interface Distribution {
  /** By bucket, the last one for what is over all bounds; not cumulative. */
  readonly counts: number[];
  readonly exemplars: (Exemplar | undefined)[];
  sum: number;
}

/** A histogram of durations. */
export class DurationFamily extends MetricFamily<Distribution> {
  readonly #bounds: readonly number[];

  /** @param bounds of buckets in seconds, growing. */
  constructor(config: FamilyConfig, refresh: () => void, bounds: readonly number[]) {
    super(config, refresh);
    this.#bounds = bounds;
  }

  observe(labels: Labels, durationMs: number, times = 1): void {
    this.observeIn(this.of(labels), durationMs, undefined, times);
  }

  observeIn(series: Distribution, durationMs: number, exemplarLabels?: Labels, times = 1): void {
    const seconds = durationMs / 1_000;
    let bucket = 0;
    while (seconds > (this.#bounds[bucket] ?? Number.POSITIVE_INFINITY)) bucket++;
    series.counts[bucket] = (series.counts[bucket] ?? 0) + times;
    series.sum += seconds * times;
    // A function of the caller's may give null as well.
    if (!exemplarLabels) return;
    series.exemplars[bucket] = {
      labelSet: exemplarLabels,
      value: seconds,
      timestamp: Date.now() / 1_000,
    };
  }

  protected zero(series: Distribution): void {
    series.counts.fill(0);
    series.exemplars.length = 0;
    series.sum = 0;
  }

  protected create(): Distribution {
    return { counts: [...this.#bounds, 0].map(() => 0), exemplars: [], sum: 0 };
  }

  protected samplesOf(labels: Labels, { counts, exemplars, sum }: Distribution): Sample[] {
    let count = 0;
    const buckets = counts.map((of, index) => {
      count += of;
      const le = String(this.#bounds[index] ?? '+Inf');
      const metricName = `${this.name}_bucket`;
      const exemplar = exemplars[index];
      return { metricName, labels: { ...labels, le }, value: count, exemplar };
    });
    return [
      ...buckets,
      { metricName: `${this.name}_sum`, labels, value: sum },
      { metricName: `${this.name}_count`, labels, value: count },
    ];
  }
}
