import { ConfigError, type Problem } from '../errors/config-error.ts';
import type { LoadTrace } from './load-trace.ts';
import type { TraceScore } from './score-trace.ts';

const width = 960;
const height = 320;
const margin = { left: 64, right: 16, top: 44, bottom: 32 };
/** Columns that a trace is drawn in: more would not be seen. */
const columns = width - margin.left - margin.right;

/**
 * Which part of a trace is drawn, and what an instance carries.
 *
 * @example
 * traceChart(trace, score, { maxLoadPerInstance: 400, from: 0, steps: 1_440 });
 */
export interface TraceChartOptions {
  readonly maxLoadPerInstance: number;
  /** The scored step that is drawn first, and how many. Default: all. */
  readonly from?: number | undefined;
  readonly steps?: number | undefined;
}

/**
 * Draws the load of the scored steps, what the serving instances carry, and where the load was more, as an SVG
 * document without fonts, scripts or other files. Each column shows the greatest load and the least capacity of its
 * steps, and is marked where one of its steps had more load than capacity. O(steps).
 *
 * @throws ConfigError for a part that was not scored, and for a score of another trace.
 *
 * @example
 * await writeFile('day.svg', traceChart(trace, score, { maxLoadPerInstance: 400, steps: 1_440 }));
 */
export function traceChart(
  trace: LoadTrace,
  score: TraceScore,
  { maxLoadPerInstance, from = 0, steps = score.scoredSteps - from }: TraceChartOptions,
): string {
  checkPart(trace, score, { maxLoadPerInstance, from, steps });
  const offset = trace.loads.length - score.scoredSteps + from;
  const drawn = Math.min(columns, steps);
  const load: number[] = [];
  const carried: number[] = [];
  const overloaded: number[] = [];
  for (let column = 0; column < drawn; column++) {
    const [begin, end] = [column, column + 1].map((at) => Math.floor((at * steps) / drawn));
    let most = 0;
    let least = Number.POSITIVE_INFINITY;
    let isOver = false;
    for (let step = begin ?? 0; step < (end ?? 0); step++) {
      const here = trace.loads[offset + step] ?? 0;
      const capacity = (score.serving[from + step] ?? 0) * maxLoadPerInstance;
      most = Math.max(most, here);
      least = Math.min(least, capacity);
      isOver ||= here > capacity * (1 + 1e-9);
    }
    load.push(most);
    carried.push(least);
    if (isOver) overloaded.push(column);
  }
  const top = Math.max(...load, ...carried) || 1;
  const x = (column: number) => margin.left + (column * columns) / drawn;
  const y = (value: number) =>
    height - margin.bottom - (value / top) * (height - margin.top - margin.bottom);
  const line = (values: readonly number[]) =>
    values.map((value, column) => `${x(column).toFixed(1)},${y(value).toFixed(1)}`).join(' ');
  const over = overloaded.map(
    (column) =>
      `<rect x="${x(column).toFixed(1)}" y="${margin.top}" width="${Math.max(1, columns / drawn).toFixed(1)}" height="${height - margin.top - margin.bottom}" fill="#d64545" fill-opacity="0.35"/>`,
  );
  const title = `${score.policy}: ${Math.round(score.instanceHours)} instance-hours, overloaded ${(score.overloadedShare * 100).toFixed(2)} % of the time`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" font-family="system-ui, sans-serif" font-size="12" fill="#1f2933">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    `<text x="${margin.left}" y="24" font-size="14" font-weight="600">${escaped(title)}</text>`,
    ...over,
    `<polyline points="${line(carried)}" fill="none" stroke="#2f9e6e" stroke-width="1.2"/>`,
    `<polyline points="${line(load)}" fill="none" stroke="#4269d0" stroke-width="1.2"/>`,
    ...[0, 0.5, 1].map(
      (part) =>
        `<text x="${margin.left - 8}" y="${(y(top * part) + 4).toFixed(1)}" text-anchor="end">${axis(top * part)}</text>`,
    ),
    ...[
      { at: 0, label: day(trace, offset), anchor: 'start' },
      { at: drawn, label: day(trace, offset + steps - 1), anchor: 'end' },
    ].map(
      ({ at, label, anchor }) =>
        `<text x="${x(at).toFixed(1)}" y="${height - 10}" text-anchor="${anchor}">${label}</text>`,
    ),
    `<text x="${width - margin.right}" y="24" text-anchor="end"><tspan fill="#4269d0">load</tspan> <tspan fill="#2f9e6e">capacity</tspan> <tspan fill="#d64545">overloaded</tspan></text>`,
    '</svg>',
    '',
  ].join('\n');
}

function checkPart(
  { loads }: LoadTrace,
  { scoredSteps, serving }: TraceScore,
  { maxLoadPerInstance, from, steps }: { maxLoadPerInstance: number; from: number; steps: number },
): void {
  const problems: Problem[] = [];
  const check = (path: string, fits: boolean, wanted: string, value: number) => {
    if (!fits) problems.push({ path, message: `must be ${wanted}, not ${value}` });
  };
  const isLoad = maxLoadPerInstance > 0 && Number.isFinite(maxLoadPerInstance);
  check('maxLoadPerInstance', isLoad, 'a finite number above 0', maxLoadPerInstance);
  const isBegin = Number.isSafeInteger(from) && from >= 0 && from < scoredSteps;
  check('from', isBegin, `a whole number below the ${scoredSteps} scored steps`, from);
  const left = scoredSteps - from;
  const isLength = Number.isSafeInteger(steps) && steps >= 1 && steps <= left;
  if (isBegin) check('steps', isLength, `a whole number, 1 to ${left}`, steps);
  const isOfTrace = serving.length === scoredSteps && scoredSteps <= loads.length;
  check('score', isOfTrace, `of this trace of ${loads.length} steps`, scoredSteps);
  if (problems.length > 0) throw new ConfigError('The chart cannot be drawn', problems);
}

function day({ startMs, stepMs }: LoadTrace, step: number): string {
  return new Date(startMs + step * stepMs).toISOString().slice(0, 10);
}

function axis(value: number): string {
  if (value >= 1_000) return `${Math.round(value / 100) / 10} k`;
  return String(value >= 10 ? Math.round(value * 10) / 10 : Number(value.toPrecision(2)));
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
