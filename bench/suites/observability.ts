import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import { openTelemetryObserver } from 'meridian/opentelemetry';
import { prometheusObserver } from 'meridian/prometheus';
import { Registry } from 'prom-client';
import { openBench } from '../fixture.ts';
import { awaitLoop, closedLoop, compare, type Measured } from '../measure.ts';
import type { Result, Suite } from '../result.ts';

/** What observers cost: data layers with and without them on the same servers, interleaved. */
export const suite: Suite = {
  name: 'Observers: throughput lost against a data layer that nobody watches',
  async run() {
    const bench = await openBench();
    // Every span is recorded, and goes nowhere.
    const tracer = new BasicTracerProvider().getTracer('bench');
    const metrics = () => prometheusObserver(new Registry());
    const layers = {
      nobody: await bench.open({ logger: false }),
      log: await bench.open({}),
      metrics: await bench.open({ observers: [metrics()] }),
      all: await bench.open({ observers: [metrics(), openTelemetryObserver({ tracer })] }),
    };
    const { hotIds, ids } = bench;
    const cached = (data: typeof bench.data) =>
      awaitLoop((index) => data.cached.get(hotIds[index % hotIds.length] ?? ''));
    let turn = 0;
    const uncached = (data: typeof bench.data) =>
      closedLoop(32, () => {
        turn = (turn + 7919) % ids.length;
        return data.plain.get(ids[turn] ?? '');
      });
    try {
      for (const data of Object.values(layers)) await data.cached.getMany(hotIds);
      const each = <T>(make: (data: typeof bench.data) => T) =>
        Object.fromEntries(Object.entries(layers).map(([name, data]) => [name, make(data)]));
      const memory = await compare(each(cached), { rounds: 25, ms: 120 });
      const shard = await compare(each(uncached), { rounds: 25, ms: 300 });
      return [
        ...losses('memory hit', memory, { log: 0.5, metrics: 5, all: 5 }),
        ...losses('read of a shard, 32 callers', shard, { log: 0.5, metrics: 2, all: 2 }),
      ];
    } finally {
      for (const data of Object.values(layers)) await data.close();
      await bench.close();
    }
  },
};

/** Percent of the throughput that each has lost, at most so many. */
function losses(
  what: string,
  measured: readonly Measured[],
  most: Readonly<Record<string, number>>,
): Result[] {
  const nobody = measured.find(({ name }) => name === 'nobody')?.perSecond ?? 0;
  return measured.flatMap(({ name, perSecond }) => {
    const limit = most[name];
    if (limit === undefined) return [];
    const percent = (1 - perSecond / nobody) * 100;
    return [
      {
        name: `${what}, ${name}`,
        value: `${percent.toFixed(1)} %  (${Math.round(perSecond)}/s of ${Math.round(nobody)}/s)`,
        target: `<= ${limit} %`,
        met: percent <= limit,
        figures: { percent, perSecond, nobodyPerSecond: nobody },
      },
    ];
  });
}
