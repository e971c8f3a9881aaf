import { createPool } from 'mysql2/promise';
import { connections, openBench } from '../fixture.ts';
import { closedLoop, compare, type Measured } from '../measure.ts';
import type { Result, Suite } from '../result.ts';

const sql = 'SELECT `id`, `country`, `name` FROM `users` WHERE `id` = ?';

/** Many short turns: a machine's slow moments then fall on all contenders alike. */
const rounds = { rounds: 25, ms: 300 };

/** Point reads by primary key, uncached, against the same statement on a raw pool of the same size. */
export const suite: Suite = {
  name: 'Point reads against a raw mysql2 pool (same server, same pool size, interleaved)',
  async run() {
    const bench = await openBench();
    const { data, ids, keys } = bench;
    const raw = createPool({ uri: bench.url, connectionLimit: connections });
    let turn = 0;
    const next = () => (turn = (turn + 7919) % ids.length);
    const rawRead = () => raw.execute(sql, [keys[next()] ?? null]);
    const read = () => data.plain.get(ids[next()] ?? '');
    const query = () => {
      const index = next();
      return data.plain.at(ids[index] ?? '').query(sql, [keys[index] ?? null]);
    };
    try {
      const results: Result[] = [];
      for (const concurrency of [1, 32]) {
        const measured = await compare(
          {
            raw: closedLoop(concurrency, rawRead),
            get: closedLoop(concurrency, read),
            query: closedLoop(concurrency, query),
          },
          rounds,
        );
        const get = { concurrency, target: concurrency === 1 ? 0.9 : 3, tails: concurrency > 1 };
        results.push(ratio('get', measured, get));
        results.push(ratio('query', measured, { concurrency, target: 0.9, tails: false }));
      }
      return results;
    } finally {
      await raw.end();
      await bench.close();
    }
  },
};

function ratio(
  name: 'get' | 'query',
  measured: readonly Measured[],
  { concurrency, target, tails }: { concurrency: number; target: number; tails: boolean },
): Result {
  const raw = measured.find((one) => one.name === 'raw');
  const own = measured.find((one) => one.name === name);
  if (raw === undefined || own === undefined) throw new Error('a contender is missing');
  const factor = own.perSecond / raw.perSecond;
  const faster = (own.p50Ms ?? 0) < (raw.p50Ms ?? 0) && (own.p99Ms ?? 0) < (raw.p99Ms ?? 0);
  const times = ({ perSecond, p50Ms = 0, p99Ms = 0 }: Measured) =>
    `${Math.round(perSecond)}/s p50 ${p50Ms.toFixed(3)} p99 ${p99Ms.toFixed(3)} ms`;
  return {
    name: `${name === 'get' ? 'users.get' : 'users.at(id).query'}, concurrency ${concurrency}`,
    value: `${factor.toFixed(2)} x  (${times(own)}; raw ${times(raw)})`,
    target: `>= ${target.toFixed(2)} x${tails ? ', lower p50 and p99' : ''}`,
    met: factor >= target && (!tails || faster),
    figures: {
      factor,
      perSecond: own.perSecond,
      p50Ms: own.p50Ms,
      p99Ms: own.p99Ms,
      rawPerSecond: raw.perSecond,
      rawP50Ms: raw.p50Ms,
      rawP99Ms: raw.p99Ms,
    },
  };
}
