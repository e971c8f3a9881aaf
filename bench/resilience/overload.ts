import type { Result } from '../result.ts';
import { Generator, startService, summarise } from './load.ts';

const timeoutMs = 250;
const seconds = 6;

/** An open loop of three times what the service can do: how much of its peak it still does in time. */
export async function overload(url: string): Promise<Result> {
  const generator = new Generator();
  const peaks: Record<string, number> = {};
  const goodput: Record<string, number> = {};
  try {
    for (const kind of ['meridian', 'mysql2'] as const) {
      const { port, stop } = await startService({ kind, urls: [url], timeoutMs });
      try {
        const closed = { port, shards: 1, seconds: 3, inFlight: 16 };
        await generator.run({ ...closed, seconds: 1 });
        const peak = summarise(await generator.run(closed), () => true).within(timeoutMs) / 3;
        const open = { port, shards: 1, seconds, perSecond: 3 * peak };
        const run = summarise(await generator.run(open), () => true);
        peaks[kind] = peak;
        goodput[kind] = run.within(timeoutMs) / seconds;
      } finally {
        stop();
      }
    }
  } finally {
    generator.stop();
  }
  const share = (kind: string) => (goodput[kind] ?? 0) / (peaks[kind] ?? 1);
  return {
    name: 'Goodput under 3 × the peak, answered in 250 ms',
    value:
      `${percent(share('meridian'))} of ${Math.round(peaks.meridian ?? 0)}/s ` +
      `(raw mysql2 pool: ${percent(share('mysql2'))} of ${Math.round(peaks.mysql2 ?? 0)}/s)`,
    target: '80 %',
    met: share('meridian') >= 0.8,
    figures: { meridian: share('meridian'), mysql2: share('mysql2'), peak: peaks.meridian },
  };
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
