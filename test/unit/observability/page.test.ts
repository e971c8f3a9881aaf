import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { eventTypes } from '../../../src/observability/pino-observer.ts';
import { counters, gauges, histograms } from '../../../src/prometheus/definitions.ts';

const page = readFileSync(
  new URL('../../../docs/guides/observability.md', import.meta.url),
  'utf8',
);

it('the guide lists every metric, with its type and labels, and no other', () => {
  const rows = page.match(/^\| `meridian_.*$/gm)?.map((row) => {
    const [, name, type, labels] = row.split('|');
    return [name, type, labels].map((cell) => cell?.replaceAll('`', '').trim());
  });
  const defined = Object.entries({ counter: counters, histogram: histograms, gauge: gauges });
  expect(rows).toEqual(
    defined.flatMap(([type, metrics]) =>
      Object.entries(metrics).map(([name, { labels }]) => [
        `meridian_${name}`,
        type,
        [...labels].join(', '),
      ]),
    ),
  );
});

it('the guide lists every event, and no other', () => {
  const from = page.indexOf('### All others');
  const rows = page.slice(from).match(/^\| `.*$/gm) ?? [];
  const listed = rows.flatMap((row) => row.split('|')[1]?.match(/[a-z-]+(?=`)/g) ?? []);
  expect(['call', ...listed].sort()).toEqual([...eventTypes].sort());
});
