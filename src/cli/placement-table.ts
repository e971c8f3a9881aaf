import type {
  KeyspacePlacement,
  PlacementReport,
  ShardPlacement,
} from '../placement/placement-report.ts';
import { countText, sizeText, skewText } from '../placement/placement-text.ts';

/** A report as lines of a terminal: one table a keyspace, its skew below. No I/O. */
export function placementTable(report: PlacementReport): string {
  const head = `epoch ${report.epoch}, rows ${report.exact ? 'counted' : 'estimated'}`;
  return [head, ...report.keyspaces.map(keyspaceTable)].join('\n\n');
}

function keyspaceTable({ name, strategy, shards, skew }: KeyspacePlacement): string {
  const lines = [
    ['shard', 'region', 'slots', 'rows', 'bytes'],
    ...shards.map(shardCells),
    ['skew', '', skewText(skew.slots), skewText(skew.rows), skewText(skew.bytes)],
  ];
  const widths = [0, 1, 2, 3, 4].map((column) =>
    Math.max(...lines.map((cells) => cells[column]?.length ?? 0)),
  );
  const rows = lines.map((cells) =>
    cells
      .map((cell, column) =>
        column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  );
  return [`${name} (${strategy})`, ...rows].join('\n');
}

function shardCells({ shard, region, slots, rows, bytes, error }: ShardPlacement): string[] {
  return rows === null || bytes === null
    ? [shard, region, countText(slots), 'not known', error ?? '']
    : [shard, region, countText(slots), countText(rows), sizeText(bytes)];
}
