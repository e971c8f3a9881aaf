import { expect, it } from 'vitest';
import { placementTable } from '../../../src/cli/placement-table.ts';
import { placementChart } from '../../../src/placement/placement-chart.ts';
import type { PlacementReport } from '../../../src/placement/placement-report.ts';
import { sizeText } from '../../../src/placement/placement-text.ts';

const report: PlacementReport = {
  epoch: 3,
  exact: true,
  complete: true,
  keyspaces: [
    {
      name: 'ledger',
      strategy: 'hash',
      shards: [
        { shard: 'tx-1', region: 'eu', slots: 8_192, rows: 1_234_567, bytes: 300_000_000 },
        { shard: 'tx-2', region: 'us', slots: 4_096, rows: 617_283.5, bytes: 0 },
      ],
      skew: { slots: 1.333, rows: 1, bytes: 1.5 },
    },
  ],
};

/** Checks that tags are closed in order and texts escaped; returns the widths of the bars. */
function widths(svg: string): Record<string, number[]> {
  const open: string[] = [];
  const body = svg.replace(/^<\?xml[^>]*\?>/, '');
  const token = /<(\/?)([a-z]+)((?:\s+[\w:-]+="[^"<&]*(?:&\w+;[^"<&]*)*")*)\s*(\/?)>|([^<]+)/gy;
  const bars: Record<string, number[]> = { slots: [], rows: [], bytes: [] };
  let end = 0;
  for (const [whole, closing, tag = '', attributes = '', single, text] of body.matchAll(token)) {
    end += whole.length;
    if (text !== undefined) {
      expect(text.replace(/&(?:amp|lt|gt|quot|apos);/g, '')).not.toContain('&');
      continue;
    }
    const kind = /class="(\w+)"/.exec(attributes)?.[1];
    if (kind !== undefined) bars[kind]?.push(Number(/ width="([\d.]+)"/.exec(attributes)?.[1]));
    if (closing) expect(open.pop()).toBe(tag);
    else if (!single) open.push(tag);
  }
  expect(end).toBe(body.length);
  expect(open).toEqual([]);
  return bars;
}

it('draws bars in proportion to the values of their panel', () => {
  const { slots = [], rows = [], bytes = [] } = widths(placementChart(report));
  const [greatest = 0] = slots;
  expect(greatest).toBeGreaterThan(100);
  expect(slots).toEqual([greatest, expect.closeTo(greatest / 2, 1)]);
  expect(rows).toEqual([greatest, expect.closeTo(greatest / 2, 1)]);
  expect(bytes).toEqual([greatest, 0]);
});

it('says the keyspace, the skew, every shard and its values', () => {
  const svg = placementChart(report);
  for (const words of [
    'ledger (hash) – skew: slots 1.33, rows 1.00, bytes 1.50',
    'tx-1 · eu',
    '1,234,567',
    '286.1 MiB',
    'epoch 3, rows counted',
  ]) {
    expect(svg).toContain(words);
  }
  expect(svg).not.toMatch(/https?:\/\/(?!www\.w3\.org\/2000\/svg)/);
});

it('says what is not known, and draws no bar for it', () => {
  const [ledger] = report.keyspaces;
  if (ledger === undefined) throw new Error('there is one');
  const partial: PlacementReport = {
    ...report,
    complete: false,
    keyspaces: [
      {
        ...ledger,
        shards: [
          ...ledger.shards.slice(0, 1),
          {
            shard: 'tx-2',
            region: 'us',
            slots: 1,
            rows: null,
            bytes: null,
            error: 'MERIDIAN_TIMEOUT',
          },
        ],
        skew: { slots: 2, rows: null, bytes: null },
      },
    ],
  };
  const svg = placementChart(partial);
  expect(widths(svg).rows).toHaveLength(1);
  for (const words of ['INCOMPLETE', 'not known', 'MERIDIAN_TIMEOUT', 'rows ?']) {
    expect(svg).toContain(words);
  }
  const table = placementTable(partial);
  expect(table).toContain('MERIDIAN_TIMEOUT');
  expect(table).toMatch(/^skew +2\.00 +\? +\?$/m);
});

it('writes any name as text', () => {
  const name = `<script>"a" & 'b'</script>\u0000\ud800${'x'.repeat(80)}`;
  const [ledger] = report.keyspaces;
  if (ledger === undefined) throw new Error('there is one');
  const shards = ledger.shards.map((shard) => ({ ...shard, shard: name, region: name }));
  const svg = placementChart({ ...report, keyspaces: [{ ...ledger, name, shards }] });
  widths(svg);
  expect(svg).not.toContain('<script>');
  expect(svg).not.toContain('\u0000');
  expect(svg.isWellFormed()).toBe(true);
});

it('draws a report of nothing', () => {
  const [ledger] = report.keyspaces;
  if (ledger === undefined) throw new Error('there is one');
  const shards = ledger.shards.map((shard) => ({ ...shard, slots: 0, rows: 0, bytes: 0 }));
  const bars = widths(placementChart({ ...report, keyspaces: [{ ...ledger, shards }] }));
  expect(bars).toEqual({ slots: [0, 0], rows: [0, 0], bytes: [0, 0] });
  expect(widths(placementChart({ ...report, keyspaces: [] })).rows).toEqual([]);
});

it('lines a table up', () => {
  expect(placementTable(report)).toBe(
    [
      'epoch 3, rows counted',
      '',
      'ledger (hash)',
      'shard  region  slots       rows      bytes',
      'tx-1   eu      8,192  1,234,567  286.1 MiB',
      'tx-2   us      4,096  617,283.5        0 B',
      'skew            1.33       1.00       1.50',
    ].join('\n'),
  );
});

it.each([
  [0, '0 B'],
  [1_023, '1023 B'],
  [1_024, '1.0 KiB'],
  [1_536, '1.5 KiB'],
  [1_048_576, '1.0 MiB'],
  [5e18, '4440.9 PiB'],
])('%d bytes are %s', (bytes, text) => {
  expect(sizeText(bytes)).toBe(text);
});
