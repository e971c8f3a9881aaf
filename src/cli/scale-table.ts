import type { LoadTrace } from '../scaling/load-trace.ts';
import type { TraceScore } from '../scaling/score-trace.ts';

const columns = 72;
const blocks = '▁▂▃▄▅▆▇█';

/** Scores as lines of a terminal; hours also as a share of the first policy's. No I/O. */
export function scaleTable(scores: readonly TraceScore[]): string {
  const whole = scores[0]?.instanceHours ?? 0;
  const lines = [
    ['policy', 'instance-hours', '', 'overloaded', 'dropped', 'changes'],
    ...scores.map(({ policy, instanceHours, overloadedShare, droppedShare, changes }) => [
      policy,
      instanceHours.toFixed(1),
      `${((instanceHours / whole) * 100).toFixed(1)} %`,
      `${(overloadedShare * 100).toFixed(3)} %`,
      `${(droppedShare * 100).toFixed(4)} %`,
      String(changes),
    ]),
  ];
  const widths = [0, 1, 2, 3, 4, 5].map((column) =>
    Math.max(...lines.map((cells) => cells[column]?.length ?? 0)),
  );
  return lines
    .map((cells) =>
      cells
        .map((cell, column) =>
          column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

const plottedMs = 7 * 86_400_000;

/** Load and capacity in the last week, and where the load was more. No I/O. */
export function scalePlot(trace: LoadTrace, score: TraceScore, maxLoadPerInstance: number): string {
  const steps = Math.min(score.scoredSteps, Math.ceil(plottedMs / trace.stepMs));
  const load: number[] = [];
  const capacity: number[] = [];
  let marks = '';
  const drawn = Math.min(columns, steps);
  for (let column = 0; column < drawn; column++) {
    const begin = Math.floor((column * steps) / drawn) - steps;
    const end = Math.floor(((column + 1) * steps) / drawn) - steps;
    let most = 0;
    let least = Number.POSITIVE_INFINITY;
    let isOver = false;
    for (let step = begin; step < end; step++) {
      const here = trace.loads.at(step) ?? 0;
      const carried = (score.serving.at(step) ?? 0) * maxLoadPerInstance;
      most = Math.max(most, here);
      least = Math.min(least, carried);
      isOver ||= here > carried * (1 + 1e-9);
    }
    load.push(most);
    capacity.push(least);
    marks += isOver ? '!' : ' ';
  }
  const top = Math.max(...load, ...capacity);
  const bar = (value: number) => blocks[Math.min(7, Math.floor((value / top) * 8))] ?? ' ';
  return [
    `${score.policy}, the last week: greatest load and least capacity of each ${Math.round((steps * trace.stepMs) / drawn / 60_000)} minutes`,
    `load     ${load.map(bar).join('')}`,
    `capacity ${capacity.map(bar).join('')}`,
    ...(marks.trim() === '' ? [] : [`over     ${marks.trimEnd()}`]),
  ].join('\n');
}
