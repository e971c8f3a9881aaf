import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import {
  hpaPolicy,
  type LoadTrace,
  parseTrace,
  rulePolicy,
  type ScalingPolicy,
  scalerPolicy,
  scoreTrace,
  staticPolicy,
  type TraceScore,
  traceChart,
} from 'meridian/scaling';
import type { Result, Suite } from '../result.ts';

const minute = 60_000;
const testDays = 62;
const staticInstances = 40;
const images = 'docs/images';

/** Half-hourly taxi trips in New York, 2014-07 to 2015-01, interpolated to minutes. */
function taxi(): LoadTrace {
  return parseTrace(readFileSync('bench/data/nyc-taxi-demand.csv', 'utf8'));
}

/** Departures in the United States in the first half of 2001, a mean of five minutes. */
async function flights(): Promise<LoadTrace | undefined> {
  const file = 'bench/peers/node_modules/vega-datasets/data/flights-3m.parquet';
  if (!existsSync(file)) return undefined;
  const { asyncBufferFromFile, parquetReadObjects } = await import('hyparquet');
  const { compressors } = await import('hyparquet-compressors');
  const rows = await parquetReadObjects({
    file: await asyncBufferFromFile(file),
    compressors,
    columns: ['date'],
  });
  const startMs = Date.UTC(2001, 0, 1);
  const departures = new Float64Array(181 * 1_440);
  for (const { date } of rows) {
    const at = Math.floor((date.getTime() - startMs) / minute);
    if (at >= 0 && at < departures.length) departures[at] = (departures[at] ?? 0) + 1;
  }
  const loads = departures.map((_, at) => {
    const window = departures.subarray(Math.max(0, at - 4), at + 1);
    return window.reduce((sum, one) => sum + one, 0) / 5;
  });
  return { startMs, stepMs: minute, loads };
}

interface Scored {
  readonly score: TraceScore;
  readonly hoursShare: number;
}

/** Every policy on the last days of a trace; what lies before is what they learn from. */
function scoreAll(trace: LoadTrace, leadMinutes: number): Map<string, Scored> {
  const warmUpSteps = trace.loads.length - testDays * 1_440;
  const peak = trace.loads.subarray(warmUpSteps).reduce((most, load) => Math.max(most, load), 0);
  const maxLoadPerInstance = peak / staticInstances;
  const leadTimeMs = leadMinutes * minute;
  const policies: ScalingPolicy[] = [
    staticPolicy(staticInstances),
    rulePolicy(maxLoadPerInstance),
    hpaPolicy(maxLoadPerInstance),
    scalerPolicy({ maxLoadPerInstance, leadTimeMs }),
  ];
  const whole = testDays * 24 * staticInstances;
  return new Map(
    policies.map((policy) => {
      const score = scoreTrace(trace, policy, { maxLoadPerInstance, leadTimeMs, warmUpSteps });
      return [policy.name, { score, hoursShare: score.instanceHours / whole }];
    }),
  );
}

const percent = (share: number, digits = 1) => `${(share * 100).toFixed(digits)} %`;

function draw(name: string, trace: LoadTrace, scored: Scored): void {
  const warmUpSteps = trace.loads.length - testDays * 1_440;
  const peak = trace.loads.subarray(warmUpSteps).reduce((most, load) => Math.max(most, load), 0);
  const chart = traceChart(trace, scored.score, {
    maxLoadPerInstance: peak / staticInstances,
    from: 14 * 1_440,
    steps: 7 * 1_440,
  });
  mkdirSync(images, { recursive: true });
  writeFileSync(`${images}/scaling-${name}.svg`, chart);
}

function results(
  name: string,
  trace: LoadTrace,
  leadMinutes: number,
  goal: number | undefined,
): Result[] {
  const all = scoreAll(trace, leadMinutes);
  const ours = all.get('scaler');
  const rule = all.get('rule 1.2');
  if (ours === undefined || rule === undefined) throw new Error('nothing was scored');
  // The one that docs/guides/scaling.md shows.
  if (name === 'taxi' && leadMinutes === 30) draw(`${name}-${leadMinutes}`, trace, ours);
  const value = [...all]
    .map(
      ([policy, { score, hoursShare }]) =>
        `${policy} ${percent(hoursShare)} / ${percent(score.overloadedShare, 2)}`,
    )
    .join(', ');
  const fewer = 1 - ours.hoursShare;
  const met =
    goal === undefined
      ? ours.score.overloadedShare <= rule.score.overloadedShare
      : fewer >= goal && ours.score.overloadedShare <= 0.002;
  return [
    {
      name: `${name}, lead ${leadMinutes} min: hours of static peak / overloaded time`,
      value,
      target:
        goal === undefined
          ? 'less overloaded than the rule'
          : `≥ ${percent(goal, 0)} fewer at ≤ 0.2 %`,
      met,
      figures: {
        fewer,
        overloadedShare: ours.score.overloadedShare,
        ruleHoursShare: rule.hoursShare,
        ruleOverloadedShare: rule.score.overloadedShare,
      },
    },
  ];
}

/** A year of minutes of the taxi trace, one after the other. */
function speed(trace: LoadTrace): Result[] {
  const year = 365 * 1_440;
  const loads = Float64Array.from(
    { length: year },
    (_, at) => trace.loads[at % (196 * 1_440)] ?? 0,
  );
  const options = { maxLoadPerInstance: 1_000, leadTimeMs: 10 * minute };
  const begun = performance.now();
  scoreTrace({ ...trace, loads }, scalerPolicy(options), options);
  const ms = performance.now() - begun;
  return [
    {
      name: 'a year of minutes scored',
      value: `${(ms / 1_000).toFixed(2)} s, ${((ms / year) * 1_000).toFixed(1)} µs a recommendation`,
      target: '< 2 s',
      met: ms < 2_000,
      figures: { ms, microseconds: (ms / year) * 1_000 },
    },
  ];
}

/** What the calculator recommends, on traces of real demand, beside what others would. */
export const suite: Suite = {
  name: 'Scaling: traces that were never fitted',
  async run() {
    const cabs = taxi();
    const planes = await flights();
    return [
      ...[10, 30].flatMap((lead) => results('taxi', cabs, lead, 0.4)),
      ...(planes === undefined
        ? []
        : [10, 30].flatMap((lead) => results('flights', planes, lead, undefined))),
      ...speed(cabs),
    ];
  },
};
