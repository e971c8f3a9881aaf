import { expect, it } from 'vitest';
import type { Problem } from '../../../src/errors/config-error.ts';
import { placementReport, type SizeFinding } from '../../../src/placement/placement-report.ts';
import { createTopology } from '../../../src/topology/create-topology.ts';

const shard = (name: string, region: string) => [
  name,
  { region, primary: `mysql://app:hunter2@${name}.example/db?tls=off` },
];

function topologyOf(ledgerSlots: Record<string, string>) {
  const problems: Problem[] = [];
  const topology = createTopology(
    {
      epoch: 7,
      regions: {
        eu: { code: 1, location: [50, 8] },
        us: { code: 2, location: [39, -77] },
      },
      shards: Object.fromEntries([
        shard('eu-1', 'eu'),
        shard('eu-2', 'eu'),
        shard('us-1', 'us'),
        shard('tx-1', 'eu'),
        shard('tx-2', 'us'),
      ]),
      keyspaces: {
        people: { code: 1, strategy: 'geo', shards: ['eu-1', 'eu-2', 'us-1'] },
        ledger: { code: 2, strategy: 'hash', shards: ['tx-1', 'tx-2'], slots: ledgerSlots },
      },
    },
    problems,
  );
  if (topology === undefined) throw new Error(JSON.stringify(problems));
  return topology;
}

const even = topologyOf({ 'tx-1': '0-8191', 'tx-2': '8192-16383' });
const sizes = (rows: Record<string, number | string>) =>
  new Map(
    Object.entries(rows).map(([name, found]): [string, SizeFinding] => [
      name,
      typeof found === 'number'
        ? { rows: found, bytes: found * 100 }
        : { error: 'MERIDIAN_UNAVAILABLE' },
    ]),
  );
const skews = (topology: typeof even, rows: Record<string, number | string>) =>
  Object.fromEntries(
    placementReport(topology, sizes(rows), false).keyspaces.map(({ name, skew }) => [name, skew]),
  );

it('names every shard of every keyspace with its slots, rows and bytes', () => {
  const rows = { 'eu-1': 10, 'eu-2': 10, 'us-1': 900, 'tx-1': 5, 'tx-2': 5 };
  const report = placementReport(even, sizes(rows), true);
  expect(report).toMatchObject({ epoch: 7, exact: true, complete: true });
  expect(report.keyspaces[0]).toMatchObject({ name: 'people', strategy: 'geo' });
  expect(report.keyspaces[0]?.shards).toEqual([
    { shard: 'eu-1', region: 'eu', slots: 512, rows: 10, bytes: 1_000 },
    { shard: 'eu-2', region: 'eu', slots: 512, rows: 10, bytes: 1_000 },
    { shard: 'us-1', region: 'us', slots: 1_024, rows: 900, bytes: 90_000 },
  ]);
  expect(report.keyspaces[1]?.shards.map(({ slots }) => slots)).toEqual([8_192, 8_192]);
});

it('a region with more people than another is no skew; a shard in it with more rows is', () => {
  expect(skews(even, { 'eu-1': 10, 'eu-2': 10, 'us-1': 900, 'tx-1': 5, 'tx-2': 5 })).toEqual({
    people: { slots: 1, rows: 1, bytes: 1 },
    ledger: { slots: 1, rows: 1, bytes: 1 },
  });
  const uneven = skews(even, { 'eu-1': 30, 'eu-2': 10, 'us-1': 1, 'tx-1': 30, 'tx-2': 0 });
  expect(uneven.people).toEqual({ slots: 1, rows: 1.5, bytes: 1.5 });
  expect(uneven.ledger).toEqual({ slots: 1, rows: 2, bytes: 2 });
});

it('a shard with more slots has a fair share of more rows', () => {
  const weighted = topologyOf({ 'tx-1': '0-12287', 'tx-2': '12288-16383' });
  const rows = { 'eu-1': 0, 'eu-2': 0, 'us-1': 0, 'tx-1': 300, 'tx-2': 100 };
  expect(skews(weighted, rows).ledger).toEqual({ slots: 1.5, rows: 1, bytes: 1 });
});

it('empty tables are even, and a shard without slots has no share', () => {
  const none = { 'eu-1': 0, 'eu-2': 0, 'us-1': 0, 'tx-1': 0, 'tx-2': 0 };
  expect(skews(even, none).ledger).toEqual({ slots: 1, rows: 1, bytes: 1 });
  const emptied = topologyOf({ 'tx-1': '0-16383', 'tx-2': '' });
  const skew = skews(emptied, { ...none, 'tx-1': 10, 'tx-2': 10 }).ledger;
  expect(skew).toEqual({ slots: 2, rows: 1, bytes: 1 });
});

it('a shard that did not answer is named, and leaves the skew of its keyspace unknown', () => {
  const rows = { 'eu-1': 1, 'eu-2': 1, 'us-1': 1, 'tx-1': 5, 'tx-2': 'down' };
  const report = placementReport(even, sizes(rows), false);
  expect(report.complete).toBe(false);
  expect(report.keyspaces[0]?.skew).toEqual({ slots: 1, rows: 1, bytes: 1 });
  expect(report.keyspaces[1]?.skew).toEqual({ slots: 1, rows: null, bytes: null });
  expect(report.keyspaces[1]?.shards[1]).toEqual({
    shard: 'tx-2',
    region: 'us',
    slots: 8_192,
    rows: null,
    bytes: null,
    error: 'MERIDIAN_UNAVAILABLE',
  });
  expect(JSON.parse(JSON.stringify(report))).toEqual(report);
});
