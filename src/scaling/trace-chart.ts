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
 * steps. O(steps).
 *
 * @example
 * await writeFile('day.svg', traceChart(trace, score, { maxLoadPerInstance: 400, steps: 1_440 }));
 */
export function traceChart(
  trace: LoadTrace,
  score: TraceScore,
  { maxLoadPerInstance, from = 0, steps = score.scoredSteps - from }: TraceChartOptions,
): string {
  const offset = trace.loads.length - score.scoredSteps + from;
  const drawn = Math.max(1, Math.min(columns, steps));
  const load: number[] = [];
  const carried: number[] = [];
  for (let column = 0; column < drawn; column++) {
    const [begin, end] = [column, column + 1].map((at) => Math.floor((at * steps) / drawn));
    let most = 0;
    let least = Number.POSITIVE_INFINITY;
    for (let step = begin ?? 0; step < (end ?? 0); step++) {
      most = Math.max(most, trace.loads[offset + step] ?? 0);
      least = Math.min(least, (score.serving[from + step] ?? 0) * maxLoadPerInstance);
    }
    load.push(most);
    carried.push(Number.isFinite(least) ? least : 0);
  }
  const top = Math.max(...load, ...carried, 1);
  const x = (column: number) => margin.left + (column * columns) / drawn;
  const y = (value: number) =>
    height - margin.bottom - (value / top) * (height - margin.top - margin.bottom);
  const line = (values: readonly number[]) =>
    values.map((value, column) => `${x(column).toFixed(1)},${y(value).toFixed(1)}`).join(' ');
  const over = load.flatMap((value, column) =>
    value > (carried[column] ?? 0) * (1 + 1e-9)
      ? [
          `<rect x="${x(column).toFixed(1)}" y="${margin.top}" width="${Math.max(1, columns / drawn).toFixed(1)}" height="${height - margin.top - margin.bottom}" fill="#d64545" fill-opacity="0.35"/>`,
        ]
      : [],
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

function day({ startMs, stepMs }: LoadTrace, step: number): string {
  return new Date(startMs + step * stepMs).toISOString().slice(0, 10);
}

function axis(value: number): string {
  return value >= 1_000 ? `${Math.round(value / 100) / 10} k` : String(Math.round(value * 10) / 10);
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
