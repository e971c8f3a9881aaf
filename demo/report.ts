import { type MeasuredLimit, requiredInstances } from 'meridian/scaling';
import { slowMs } from './capacity.ts';
import type { Check } from './checks.ts';
import { isListed, type RowCounts, skew } from './placement.ts';
import type { User } from './tables.ts';
import type { Tally } from './tally.ts';
import { count, green, red, say, sayTable, sayWrapped } from './terminal.ts';
import { ledgerShards, peopleShards, type ShardName } from './topology.ts';

const headroom = 1.2;
const millionReads = 1_000_000;

/** Rows of every shard, and how evenly they fill the shards among which the hash chose. */
export function reportPlacement(rows: RowCounts, users: readonly User[]): void {
  const groups: [string, readonly ShardName[]][] = [
    ...['eu', 'us', 'ap'].map((region): [string, ShardName[]] => [
      `people in ${region}`,
      peopleShards.filter((name) => name.startsWith(region)),
    ]),
    ['ledger', ledgerShards],
  ];
  sayTable([
    ['keyspace', 'shard: rows', '', '', '', 'max/mean'],
    ...groups.map(([name, shards]) => {
      const cells = shards.map((shard) => `${shard}: ${count(rows[shard])}`);
      const counts = shards.map((shard) => rows[shard]);
      return [name, ...cells, ...Array(4 - cells.length).fill(''), skew(counts).toFixed(3)];
    }),
  ]);
  const listed = users.filter(isListed).length;
  say(
    `  ${count(listed)} users were placed by their country, ${count(users.length - listed)} by coordinates:` +
      ' no region lists their country.',
  );
}

/**
 * Says how many instances like this process the load needs: `limit` is what it was measured to carry of reads that
 * go to their shard, which is the least that one carries. Databases are another matter.
 */
export function reportInstances(
  { reads, writes, seconds, cores }: Tally,
  limit: MeasuredLimit,
): void {
  const maxLoadPerInstance = limit.maxLoad;
  const needed = (load: number) => count(requiredInstances(load, { maxLoadPerInstance, headroom }));
  sayWrapped(
    `This process carried ${count(reads / seconds)} reads/s, nearly all of them cached, beside ${count(writes / seconds)} writes/s ` +
      `with ${cores.toFixed(1)} cores, next to its servers. Of reads that go to their shard it answers ${count(limit.maxLoad)}/s ` +
      `with 99 of 100 within ${slowMs} ms, measured at ${limit.steps.length} rates of an open loop. ` +
      `With ${Math.round(100 * (headroom - 1))} % headroom ${count(millionReads / 10)} such reads/s need ${needed(millionReads / 10)} instances like it. ` +
      'This counts instances of the service; the shards must be able to follow.',
    '  ',
  );
}

/** One line a check. Gives those that failed. */
export function reportChecks(checks: readonly Check[]): Check[] {
  for (const { what, passed } of checks) {
    say(`  ${passed ? green('ok') : red('FAILED')}  ${what}`);
  }
  return checks.filter(({ passed }) => !passed);
}
