import { setTimeout as pass } from 'node:timers/promises';
import { startChaosProxy } from 'meridian/testing';
import { median, quantile } from '../measure.ts';
import type { Result } from '../result.ts';
import { Generator, startService, summarise } from './load.ts';
import type { Answers } from './orders.ts';

const timeoutMs = 5_000;
/** Each with another shard. */
const roundCount = 3;
const quietSeconds = 6;
const seconds = 16;
/** A failure that came as fast as this was a refusal: the endpoint is known to be dead. */
const fastMs = 5;

const clock = () => performance.timeOrigin + performance.now();

/** One of four shards goes silent under load: what that does to the others, and to its own callers. */
export async function blackHole(urls: readonly string[]): Promise<Result[]> {
  const rounds: Round[] = [];
  for (const doomed of urls.slice(0, roundCount)) rounds.push(await oneRound(urls, doomed));
  const middle = (of: (round: Round) => number) => median(rounds.map(of));
  const peak = middle((round) => round.peak);
  const rate = middle((round) => round.rate);
  const p99 = middle((round) => round.p99After / round.p99Before);
  const detectionMs = middle((round) => round.detectionMs);
  const failedMs = middle((round) => round.failedMs);
  return [
    {
      name: `One of 4 shards black-holed at 60 % of ${Math.round(peak)}/s: rate of the others`,
      value: `${(rate * 100).toFixed(1)} %`,
      target: '95 %',
      met: rate >= 0.95,
      figures: { rate, peak },
    },
    {
      name: 'their p99, after to before',
      value: `${p99.toFixed(2)} × (${rounds.map((round) => `${round.p99Before.toFixed(1)} → ${round.p99After.toFixed(1)} ms`).join(', ')})`,
      target: '1.2 ×',
      met: p99 <= 1.2,
      figures: { p99 },
    },
    {
      name: 'until the dead one is known',
      value: `${Math.round(detectionMs)} ms`,
      target: '2,000 ms',
      met: detectionMs <= 2_000,
      figures: { detectionMs },
    },
    {
      name: 'its calls then fail in (p99)',
      value: `${failedMs.toFixed(2)} ms`,
      target: '5 ms',
      met: failedMs < 5,
      figures: { failedMs },
    },
  ];
}

interface Round {
  readonly peak: number;
  /** Share of the other shards' requests that were answered well, against what it was before. */
  readonly rate: number;
  readonly p99Before: number;
  readonly p99After: number;
  readonly detectionMs: number;
  /** The 99th percentile of how long the dead one's calls took to fail. */
  readonly failedMs: number;
}

async function oneRound(urls: readonly string[], doomed: string): Promise<Round> {
  const proxy = await startChaosProxy({ target: doomed });
  const generator = new Generator();
  const service = await startService({
    kind: 'meridian',
    urls: urls.map((url) => (url === doomed ? proxy.urlFor(url) : url)),
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
    return { peak, ...judge(await running, urls.indexOf(doomed), holedMs) };
  } finally {
    service.stop();
    generator.stop();
    await proxy.close();
  }
}

function judge(answers: Answers, doomed: number, holedMs: number): Omit<Round, 'peak'> {
  const settledMs = (answers.dueMs[0] ?? 0) + 1_000;
  const isOther = ({ shard }: { shard: number }) => shard !== doomed;
  const before = summarise(
    answers,
    (one) => isOther(one) && one.dueMs >= settledMs && one.dueMs < holedMs,
  );
  const after = summarise(answers, (one) => isOther(one) && one.dueMs >= holedMs);
  const refusals = answers.dueMs.flatMap((dueMs, index) => {
    const answered = answers.answeredMs[index] ?? null;
    const isDoomed = answers.shard[index] === doomed && dueMs >= holedMs && answered !== null;
    return isDoomed && answers.status[index] !== 'ok' ? [{ dueMs, ms: answered - dueMs }] : [];
  });
  const detectedMs = refusals.find(({ ms }) => ms < fastMs)?.dueMs ?? Number.NaN;
  const afterwards = refusals.filter(({ dueMs }) => dueMs > detectedMs).map(({ ms }) => ms);
  return {
    rate: after.latencies.length / after.asked / (before.latencies.length / before.asked),
    p99Before: before.p99Ms,
    p99After: after.p99Ms,
    detectionMs: detectedMs - holedMs,
    failedMs: quantile(afterwards, 0.99) ?? Number.NaN,
  };
}
