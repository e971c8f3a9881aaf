import { setTimeout as pass } from 'node:timers/promises';
import { startChaosProxy } from 'meridian/testing';
import { quantile } from '../measure.ts';
import type { Result } from '../result.ts';
import { Generator, startService, summarise } from './load.ts';
import type { Answers } from './orders.ts';

const timeoutMs = 5_000;
const quietSeconds = 6;
const seconds = 16;
/** A failure that came as fast as this was a refusal: the endpoint is known to be dead. */
const fastMs = 5;

const clock = () => performance.timeOrigin + performance.now();

/** One of four shards goes silent under load: what that does to the others, and to its own callers. */
export async function blackHole(urls: readonly string[]): Promise<Result[]> {
  const [doomed = '', ...others] = urls;
  const proxy = await startChaosProxy({ target: doomed });
  const generator = new Generator();
  const service = await startService({
    kind: 'meridian',
    urls: [proxy.urlFor(doomed), ...others],
    timeoutMs,
  });
  try {
    const load = { port: service.port, shards: urls.length };
    await generator.run({ ...load, seconds: 1, inFlight: 32 });
    const closed = await generator.run({ ...load, seconds: 3, inFlight: 32 });
    const peak = summarise(closed, () => true).latencies.length / 3;
    const running = generator.run({ ...load, seconds, perSecond: 0.6 * peak });
    await pass(quietSeconds * 1_000);
    const holedMs = clock();
    proxy.blackHole();
    return judge(await running, holedMs, peak);
  } finally {
    service.stop();
    generator.stop();
    await proxy.close();
  }
}

function judge(answers: Answers, holedMs: number, peak: number): Result[] {
  const settledMs = (answers.dueMs[0] ?? 0) + 1_000;
  const isOther = ({ shard }: { shard: number }) => shard > 0;
  const before = summarise(
    answers,
    (one) => isOther(one) && one.dueMs >= settledMs && one.dueMs < holedMs,
  );
  const after = summarise(answers, (one) => isOther(one) && one.dueMs >= holedMs);
  const rate = after.latencies.length / after.asked / (before.latencies.length / before.asked);
  const refusals = answers.dueMs.flatMap((dueMs, index) => {
    const answered = answers.answeredMs[index] ?? null;
    const isDoomed = answers.shard[index] === 0 && dueMs >= holedMs && answered !== null;
    return isDoomed && answers.status[index] !== 'ok' ? [{ dueMs, ms: answered - dueMs }] : [];
  });
  const detectedMs = refusals.find(({ ms }) => ms < fastMs)?.dueMs ?? Number.NaN;
  const afterwards = refusals.filter(({ dueMs }) => dueMs > detectedMs).map(({ ms }) => ms);
  const failedMs = quantile(afterwards, 0.99) ?? Number.NaN;
  const p99 = after.p99Ms / before.p99Ms;
  return [
    {
      name: `One of 4 shards black-holed at 60 % of ${Math.round(peak)}/s: rate of the others`,
      value: `${(rate * 100).toFixed(1)} %`,
      target: '95 %',
      met: rate >= 0.95,
      figures: { rate, peak },
    },
    {
      name: 'their p99, before and after',
      value: `${before.p99Ms.toFixed(1)} → ${after.p99Ms.toFixed(1)} ms (${p99.toFixed(2)} ×)`,
      target: '1.2 ×',
      met: p99 <= 1.2,
      figures: { before: before.p99Ms, after: after.p99Ms },
    },
    {
      name: 'until the dead one is known',
      value: `${Math.round(detectedMs - holedMs)} ms`,
      target: '2,000 ms',
      met: detectedMs - holedMs <= 2_000,
      figures: { detectionMs: detectedMs - holedMs },
    },
    {
      name: 'its calls then fail in (p99)',
      value: `${failedMs.toFixed(2)} ms`,
      target: '5 ms',
      met: failedMs < 5,
      figures: { failedMs, failures: afterwards.length },
    },
  ];
}
