import { median } from '../measure.ts';
import type { Result, Suite } from '../result.ts';
import { ChildContender } from '../shards/child-contender.ts';
import type { Report, Turn } from '../shards/order.ts';
import { openStock } from '../shards/stock.ts';

type Job = Omit<Turn, 'do' | 'ms'>;

interface Asked extends Job {
  /** The least ratio to hand-written code. */
  readonly target: number;
}

const rounds = 9;
const ms = 400;
const noThought = { thinkMs: 0 };
const thoughtful = { thinkMs: 5 };

const asked: readonly Asked[] = [
  { work: 'read', callers: 1, ...noThought, target: 0.96 },
  { work: 'read', callers: 32, ...noThought, target: 3 },
  { work: 'read', callers: 256, ...noThought, target: 8 },
  { work: 'read', callers: 32, ...thoughtful, target: 1.1 },
  { work: 'read', callers: 256, ...thoughtful, target: 4 },
  { work: 'insert', callers: 1, ...noThought, target: 0.92 },
  { work: 'insert', callers: 32, ...noThought, target: 0.9 },
  { work: 'transaction', callers: 1, ...noThought, target: 0.95 },
  { work: 'transaction', callers: 32, ...noThought, target: 0.9 },
  { work: 'scatter', callers: 1, ...noThought, target: 0.9 },
  { work: 'scatter', callers: 16, ...noThought, target: 0.9 },
];

/**
 * Work over four shards, against a service that was written by hand with a mysql2 pool for each. Either is in a
 * process of its own; they take turns, so that a slow minute of the machine hits both.
 */
export const suite: Suite = {
  name: 'Four shards, against hand-written mysql2 with a pool for each (processes of their own, in turns)',
  async run() {
    const { stock, close } = await openStock();
    const raw = new ChildContender();
    const own = new ChildContender();
    try {
      await raw.carryOut({ do: 'open', as: 'raw', stock });
      await own.carryOut({ do: 'open', as: 'meridian', stock });
      const results: Result[] = [];
      for (const job of asked) results.push(await measure(job, raw, own));
      return results;
    } finally {
      await Promise.all([raw.end(), own.end()]);
      await close();
    }
  },
};

async function measure(
  { target, ...job }: Asked,
  raw: ChildContender,
  own: ChildContender,
): Promise<Result> {
  const turn: Turn = { do: 'work', ...job, ms };
  for (const contender of [raw, own]) await contender.carryOut({ ...turn, ms: 2 * ms });
  const pairs: { readonly raw: Report; readonly own: Report }[] = [];
  for (let round = 0; round < rounds; round++) {
    if (round % 2 === 0) {
      const first = await raw.carryOut(turn);
      pairs.push({ raw: first, own: await own.carryOut(turn) });
    } else {
      const first = await own.carryOut(turn);
      pairs.push({ own: first, raw: await raw.carryOut(turn) });
    }
  }
  const of = (pick: (pair: (typeof pairs)[number]) => number) => median(pairs.map(pick));
  const ratio = of((pair) => pair.own.perSecond / pair.raw.perSecond);
  const figures = {
    ratio,
    perSecond: of((pair) => pair.own.perSecond),
    p50Ms: of((pair) => pair.own.p50Ms),
    p99Ms: of((pair) => pair.own.p99Ms),
    rawPerSecond: of((pair) => pair.raw.perSecond),
    rawP50Ms: of((pair) => pair.raw.p50Ms),
    rawP99Ms: of((pair) => pair.raw.p99Ms),
  };
  const thought = job.thinkMs > 0 ? `, thinking 0 to ${job.thinkMs} ms` : '';
  const { p50Ms, p99Ms, rawP50Ms, rawP99Ms } = figures;
  return {
    name: `${job.work}, ${job.callers} callers${thought}`,
    value:
      `${ratio.toFixed(2)} × (p50 ${p50Ms.toFixed(2)}, raw ${rawP50Ms.toFixed(2)}; ` +
      `p99 ${p99Ms.toFixed(2)}, raw ${rawP99Ms.toFixed(2)} ms)`,
    target: `>= ${target}`,
    met: ratio >= target,
    figures,
  };
}
