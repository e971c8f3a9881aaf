import type { CapacityStep, MeasuredLimit } from './measure-capacity.ts';
import { capacityOf, fitScalability, kneeOf, type MeasuredCapacity } from './scalability.ts';

/**
 * A measurement, and with how many instances it was made.
 *
 * @see {@link capacityReport}
 */
export interface MeasuredFleet extends MeasuredLimit {
  readonly instances: number;
}

/**
 * What was measured as a page of Markdown: each rate that was tried, what so many instances carry, and, from three
 * numbers of instances on, the Universal Scalability Law that fits, with its knee. No I/O.
 *
 * @example
 * const fleets = [{ instances: 1, ...(await measureCapacity(callService, { targetMs: 50 })) }];
 * await writeFile('capacity.md', capacityReport(fleets));
 */
export function capacityReport(fleets: readonly MeasuredFleet[]): string {
  const measured = measuredOf(fleets);
  const law = fitScalability(measured);
  return [
    '| instances | carry, calls/s | broke at | p99 there |',
    '| ---: | ---: | ---: | ---: |',
    ...fleets.map(({ instances, maxLoad, steps, broke }) => {
      const worst = steps
        .filter(({ good }) => !good)
        .sort((one, other) => one.perSecond - other.perSecond)[0];
      const last =
        broke && worst !== undefined ? [number(worst.perSecond), latency(worst)] : ['did not', ''];
      return `| ${instances} | ${number(maxLoad)} | ${last.join(' | ')} |`;
    }),
    '',
    law === undefined
      ? 'How the fleet grows is not known: that takes measurements of three numbers of instances.'
      : `capacity(n) = ${number(law.gamma)} n / (1 + ${number(law.sigma)} (n − 1) + ${number(law.kappa)} n (n − 1)); ${knee(kneeOf(law))}`,
    '',
  ].join('\n');
}

/**
 * The same as a drawing: points for what was measured, a line for the law. No I/O.
 *
 * @example
 * const fleets = [{ instances: 1, ...(await measureCapacity(callService, { targetMs: 50 })) }];
 * await writeFile('capacity.svg', capacityChart(fleets));
 */
export function capacityChart(fleets: readonly MeasuredFleet[]): string {
  const measured = measuredOf(fleets);
  const law = fitScalability(measured);
  const most = Math.max(2, ...measured.map(({ instances }) => instances));
  const line = Array.from({ length: 64 }, (_, index) => {
    const instances = 1 + ((most - 1) * index) / 63;
    return { instances, load: law === undefined ? 0 : capacityOf(law, instances) };
  });
  const top = Math.max(1, ...measured.map(({ load }) => load), ...line.map(({ load }) => load));
  const x = (instances: number) => (64 + ((instances - 1) / (most - 1)) * 560).toFixed(1);
  const y = (load: number) => (288 - (load / top) * 240).toFixed(1);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<svg xmlns="http://www.w3.org/2000/svg" width="640" height="320" viewBox="0 0 640 320" role="img" font-family="system-ui, sans-serif" font-size="12" fill="#1f2933">',
    '<title>What so many instances carry</title>',
    '<rect width="640" height="320" fill="#ffffff"/>',
    '<text x="64" y="24" font-size="14" font-weight="600">What so many instances carry, calls a second</text>',
    ...(law === undefined
      ? []
      : [
          `<polyline points="${line.map((one) => `${x(one.instances)},${y(one.load)}`).join(' ')}" fill="none" stroke="#4269d0" stroke-width="1.5"/>`,
        ]),
    ...measured.map(
      ({ instances, load }) =>
        `<circle cx="${x(instances)}" cy="${y(load)}" r="4" fill="#2f9e6e"/>`,
    ),
    `<text x="56" y="52" text-anchor="end">${number(top)}</text>`,
    '<text x="56" y="292" text-anchor="end">0</text>',
    `<text x="64" y="308">1</text><text x="624" y="308" text-anchor="end">${most}</text>`,
    '</svg>',
    '',
  ].join('\n');
}

function measuredOf(fleets: readonly MeasuredFleet[]): MeasuredCapacity[] {
  return fleets
    .filter(({ maxLoad }) => maxLoad > 0)
    .map(({ instances, maxLoad }) => ({ instances, load: maxLoad }));
}

function latency({ p99Ms }: CapacityStep): string {
  return Number.isFinite(p99Ms) ? `${number(p99Ms)} ms` : 'no answer';
}

function knee(instances: number): string {
  return Number.isFinite(instances)
    ? `past ${instances} instances another one takes more than it brings.`
    : 'no crosstalk was measured, so there is no knee.';
}

function number(value: number): string {
  if (!Number.isFinite(value)) return '–';
  return value >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}
