/** One contender of a comparison: runs its work for about `ms` milliseconds. */
export type Contender = (ms: number) => Promise<Sample>;

export interface Sample {
  readonly operations: number;
  readonly seconds: number;
  /** Milliseconds of each operation; empty where single ones are too short to time. */
  readonly latencies: readonly number[];
}

export interface Measured {
  readonly name: string;
  readonly perSecond: number;
  readonly p50Ms: number | undefined;
  readonly p99Ms: number | undefined;
}

/**
 * Measures contenders in turns, so that a slow minute of the machine hits all of them, and gives
 * the median of each one's rounds.
 */
export async function compare(
  contenders: Readonly<Record<string, Contender>>,
  { rounds = 7, ms = 800 } = {},
): Promise<Measured[]> {
  const samples = new Map<string, Sample[]>();
  for (const run of Object.values(contenders)) await run(ms / 2);
  for (let round = 0; round < rounds; round++) {
    const order = Object.entries(contenders);
    if (round % 2 === 1) order.reverse();
    for (const [name, run] of order) {
      samples.set(name, [...(samples.get(name) ?? []), await run(ms)]);
    }
  }
  return Object.keys(contenders).map((name) => {
    const own = samples.get(name) ?? [];
    return {
      name,
      perSecond: median(own.map(({ operations, seconds }) => operations / seconds)),
      p50Ms: medianOrNone(own.map(({ latencies }) => quantile(latencies, 0.5))),
      p99Ms: medianOrNone(own.map(({ latencies }) => quantile(latencies, 0.99))),
    };
  });
}

/** Keeps `concurrency` calls in flight, each started when one ends: a closed loop. */
export function closedLoop(concurrency: number, call: () => Promise<unknown>): Contender {
  return async (ms) => {
    const latencies: number[] = [];
    const start = performance.now();
    const end = start + ms;
    await Promise.all(
      Array.from({ length: concurrency }, async () => {
        for (let now = performance.now(); now < end; ) {
          await call();
          const done = performance.now();
          latencies.push(done - now);
          now = done;
        }
      }),
    );
    return {
      operations: latencies.length,
      seconds: (performance.now() - start) / 1_000,
      latencies,
    };
  };
}

/** Calls in a plain loop; for work far below a microsecond's clock. */
export function tightLoop(call: (index: number) => unknown, batch = 10_000): Contender {
  return async (ms) => {
    const start = performance.now();
    let operations = 0;
    while (performance.now() - start < ms) {
      for (let index = 0; index < batch; index++) call(index);
      operations += batch;
    }
    return { operations, seconds: (performance.now() - start) / 1_000, latencies: [] };
  };
}

/** Like `tightLoop`, awaiting each call. */
export function awaitLoop(call: (index: number) => Promise<unknown>, batch = 10_000): Contender {
  return async (ms) => {
    const start = performance.now();
    let operations = 0;
    while (performance.now() - start < ms) {
      for (let index = 0; index < batch; index++) await call(index);
      operations += batch;
    }
    return { operations, seconds: (performance.now() - start) / 1_000, latencies: [] };
  };
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5) ?? 0;
}

function medianOrNone(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : median(known);
}

export function quantile(values: readonly number[], q: number): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))];
}
