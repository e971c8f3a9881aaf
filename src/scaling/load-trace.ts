import { ConfigError } from '../errors/config-error.ts';

/**
 * A load over time, one value a step.
 *
 * @see {@link loadTrace}
 */
export interface LoadTrace {
  readonly startMs: number;
  readonly stepMs: number;
  readonly loads: Float64Array;
}

/**
 * A load at a time.
 *
 * @see {@link loadTrace}
 */
export interface LoadSample {
  readonly atMs: number;
  readonly load: number;
}

const mostSteps = 5_000_000;
const shownProblems = 5;
const endless = Number.POSITIVE_INFINITY;

/**
 * Samples as a trace of equal steps, in straight lines between them; of several in one step the greatest counts, as of
 * those at one moment the last. They may come in any order and at any distance. O(n log n + steps).
 *
 * @param stepMs Default 60,000.
 * @throws ConfigError for samples that are no load or no time, naming the first five; for fewer than two; and for
 * more than five million steps.
 *
 * @example
 * const trace = loadTrace([{ atMs: 0, load: 100 }, { atMs: 120_000, load: 300 }]);
 * trace.loads; // Float64Array [100, 200, 300]
 */
export function loadTrace(samples: readonly LoadSample[], stepMs = 60_000): LoadTrace {
  if (!(stepMs >= 1 && Number.isFinite(stepMs))) {
    throw refusal('stepMs', `must be a number of milliseconds, at least 1, not ${stepMs}`);
  }
  const wrong = samples.flatMap(({ atMs, load }, index) =>
    isTime(atMs) && Number.isFinite(load) && load >= 0
      ? []
      : [
          {
            path: `samples[${index}]`,
            message: `must be milliseconds of a date and a load of at least 0, not ${atMs} and ${load}`,
          },
        ],
  );
  if (wrong.length > 0) {
    const more = wrong.length > shownProblems ? `, ${wrong.length} in all` : '';
    throw new ConfigError(`This is no trace of a load${more}`, wrong.slice(0, shownProblems));
  }
  const ordered = [...new Map(samples.map((sample) => [sample.atMs, sample])).values()].sort(
    (one, other) => one.atMs - other.atMs,
  );
  const [first] = ordered;
  const last = ordered.at(-1);
  if (first === undefined || last === undefined || first === last) {
    throw refusal('samples', `must be of two moments at least, not ${ordered.length}`);
  }
  const steps = Math.floor((last.atMs - first.atMs) / stepMs) + 1;
  if (steps > mostSteps)
    throw refusal('samples', `span ${steps} steps of ${stepMs} ms; ${mostSteps} at most`);
  return { startMs: first.atMs, stepMs, loads: interpolate(ordered, first.atMs, stepMs, steps) };
}

function interpolate(
  samples: readonly LoadSample[],
  startMs: number,
  stepMs: number,
  steps: number,
): Float64Array {
  const loads = new Float64Array(steps);
  let index = 0;
  for (let step = 0; step < steps; step++) {
    const atMs = startMs + step * stepMs;
    for (
      let next = samples[index + 1];
      next !== undefined && next.atMs <= atMs;
      next = samples[index + 1]
    ) {
      index++;
    }
    const before = samples[index];
    const after = samples[index + 1];
    if (before === undefined) continue;
    const part = after === undefined ? 0 : (atMs - before.atMs) / (after.atMs - before.atMs);
    loads[step] = before.load + ((after?.load ?? before.load) - before.load) * part;
    for (let at = index + 1; (samples[at]?.atMs ?? endless) < atMs + stepMs; at++) {
      loads[step] = Math.max(loads[step] ?? 0, samples[at]?.load ?? 0);
    }
  }
  return loads;
}

/**
 * Reads a trace of two columns, time and load, with or without a line of names: times in ISO 8601 (a space for the T,
 * UTC where no zone is given) or in seconds or milliseconds since 1970; loads with a point. O(text).
 *
 * @throws ConfigError naming the lines that are neither, and what is wrong with them.
 *
 * @example
 * const trace = parseTrace('time,load\n2026-01-01T00:00:00Z,100\n2026-01-01T00:01:00Z,120\n');
 */
export function parseTrace(csv: string, stepMs?: number): LoadTrace {
  const lines = csv.split(/\r\n?|\n/);
  const first = lines.findIndex((line) => line.trim() !== '');
  const samples: LoadSample[] = [];
  const wrong: { path: string; message: string }[] = [];
  // Names may hold any sign: the last line tells what separates.
  const separator = /[;\t]/.exec(lines.findLast((line) => line.trim() !== '') ?? '')?.[0] ?? ',';
  lines.forEach((line, index) => {
    if (line.trim() === '') return;
    const cells = line.split(separator).map((cell) => cell.trim().replace(/^"(.*)"$/, '$1'));
    const [time = '', value = ''] = cells;
    const sample = { atMs: timeOf(time), load: loadOf(value) };
    const message = faultOf(sample, cells);
    if (message === undefined) samples.push(sample);
    else if (index !== first || Number.isFinite(sample.atMs) || Number.isFinite(sample.load)) {
      wrong.push({ path: `line ${index + 1}`, message });
    }
  });
  if (wrong.length > 0) {
    const more = wrong.length > shownProblems ? `, ${wrong.length} lines in all` : '';
    throw new ConfigError(`This is no trace of a load${more}`, wrong.slice(0, shownProblems));
  }
  return loadTrace(samples, stepMs);
}

function faultOf({ atMs, load }: LoadSample, [time, value, ...more]: string[]): string | undefined {
  if (value === undefined || more.length > 0) return 'is not two columns, a time and a load';
  if (!isTime(atMs))
    return `has no time in ISO 8601, seconds or milliseconds since 1970: '${time}'`;
  if (Number.isFinite(load) && load >= 0) return undefined;
  return `has no load of at least 0, with a point for its fraction: '${value}'`;
}

function loadOf(text: string): number {
  return /^[+-]?\d*\.?\d+(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
}

/** The ends of what a date holds: a later one was counted in microseconds. */
function isTime(atMs: number): boolean {
  return Math.abs(atMs) <= 8.64e15;
}

/** A number below this is taken for seconds: as milliseconds it would be in 1973. */
const leastMilliseconds = 1e11;
const isoTime =
  /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?) ?(Z|[+-]\d\d(?::?\d\d)?)?)?$/i;

/** NaN for what is no time; whatever else the runtime would read as one depends on its own time zone. */
function timeOf(text: string): number {
  if (/^\d+(\.\d+)?$/.test(text)) {
    const number = Number(text);
    return number < leastMilliseconds ? number * 1_000 : number;
  }
  const [, date = '', time = '00:00', zone = 'Z'] = isoTime.exec(text) ?? [];
  const offset = /^[+-]\d\d$/.test(zone) ? `${zone}:00` : zone;
  const atMs = Date.parse(`${date}T${time.replace(',', '.')}${offset}`);
  // The runtime takes 30 February for 2 March.
  const day = Date.parse(date);
  return new Date(day || 0).toISOString().startsWith(date) ? atMs : Number.NaN;
}

function refusal(path: string, message: string): ConfigError {
  return new ConfigError('This is no trace of a load', [{ path, message }]);
}
