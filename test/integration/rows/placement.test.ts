import { defineTable, type IpLocator, RoutingError, type TopologyDocument } from 'meridian';
import { maxmindLocator } from 'meridian/sharding';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import { failureOf, TestCluster } from '../../support/cluster.ts';

const visitors = defineTable({
  name: 'visitors',
  keyspace: 'people',
  primaryKey: 'id',
  place: ({ ip, country, latitude, longitude }) => ({
    ip: ip ?? undefined,
    country: country ?? undefined,
    location: latitude === null || longitude === null ? undefined : [latitude, longitude],
  }),
  schema: z.object({
    id: z.uuid(),
    ip: z.string().nullable(),
    country: z.string().nullable(),
    latitude: z.number().nullable(),
    longitude: z.number().nullable(),
  }),
});

const nowhere = { ip: null, country: null, latitude: null, longitude: null };

const known = new Map([
  ['203.0.113.7', { country: { iso_code: 'DE' } }],
  ['2001:db8::7', { country: { iso_code: 'JP' }, location: { latitude: 35.7, longitude: 139.7 } }],
]);
const locateIp = maxmindLocator({ get: (ip) => known.get(ip) ?? null });

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start();
  for (const shard of ['eu-1', 'us-1'] as const) {
    await cluster.sql(
      shard,
      `CREATE TABLE visitors (
        id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin PRIMARY KEY, ip VARCHAR(45),
        country CHAR(2), latitude DOUBLE, longitude DOUBLE)`,
    );
  }
});

afterAll(() => cluster.stop());

beforeEach(async () => {
  for (const shard of ['eu-1', 'us-1'] as const) await cluster.sql(shard, 'DELETE FROM visitors');
});

/** The standard topology without its default region. */
function topology(unlistedCountries?: 'nearest'): TopologyDocument {
  const document = cluster.topology();
  const { eu, us } = document.regions;
  if (eu === undefined || us === undefined) throw new Error('the test cluster has both');
  const regions = { eu, us: { ...us, default: false } };
  return { ...document, regions, ...(unlistedCountries && { unlistedCountries }) };
}

async function open(locate: IpLocator | undefined, unlistedCountries?: 'nearest') {
  const options = { topology: topology(unlistedCountries), ...(locate && { locateIp: locate }) };
  const { data, events } = await cluster.openWith({ visitors }, options);
  return { visitors: data.visitors, events };
}

const stored = async () => {
  const counts = await Promise.all(
    (['eu-1', 'us-1'] as const).map((shard) => cluster.sql(shard, 'SELECT id FROM visitors')),
  );
  return counts.flat().length;
};

it('a row with an address is stored in the region of that address', async () => {
  const { visitors: table } = await open(locateIp);
  const german = await table.insert({ ...nowhere, ip: '::ffff:203.0.113.7' });
  expect(table.explain(german.id).shard).toBe('eu-1');
  const rows = await cluster.sql('eu-1', 'SELECT ip FROM visitors WHERE id = ?', [german.id]);
  expect(rows).toEqual([{ ip: '::ffff:203.0.113.7' }]);
  const japanese = await table.insert({ ...nowhere, ip: '2001:db8::7' });
  expect(table.explain(japanese.id).shard).toBe('eu-1');
  const moved = await table.insert({ ...nowhere, ip: '203.0.113.7', country: 'US' });
  expect(table.explain(moved.id).shard).toBe('us-1');
});

it('a country that no region lists falls to the nearest region, if the topology allows it', async () => {
  const { visitors: table } = await open(undefined, 'nearest');
  for (const [country, shard] of [
    ['PL', 'eu-1'],
    ['NZ', 'us-1'],
    ['KI', 'us-1'],
  ] as const) {
    const { id } = await table.insert({ ...nowhere, country });
    expect(table.explain(id).shard).toBe(shard);
  }
  const { visitors: strict } = await open(undefined);
  expect(await failureOf(strict.insert({ ...nowhere, country: 'PL' }))).toBeInstanceOf(
    RoutingError,
  );
});

it('what can not be placed is refused, nothing is stored, and no address is told', async () => {
  const failing: IpLocator = (ip) => {
    throw new Error(`${ip} failed`);
  };
  const located = await open(locateIp);
  const without = await open(undefined);
  const broken = await open(failing);
  const ip = '198.51.100.9';
  const refused = [
    located.visitors.insert({ ...nowhere, country: 'XX' }),
    located.visitors.insert({ ...nowhere, country: 'UK' }),
    located.visitors.insert({ ...nowhere, latitude: 91, longitude: 0 }),
    located.visitors.insert({ ...nowhere, latitude: 139.7, longitude: 35.7 }),
    located.visitors.insert({ ...nowhere, country: 'DE', latitude: 0, longitude: -181 }),
    located.visitors.insert({ ...nowhere, ip }),
    located.visitors.insert({ ...nowhere, ip: `${ip}:80` }),
    located.visitors.insertMany([
      { ...nowhere, country: 'DE' },
      { ...nowhere, country: 'DE', ip: `${ip}:80` },
    ]),
    without.visitors.insert({ ...nowhere, ip }),
    broken.visitors.insert({ ...nowhere, ip }),
  ];
  for (const call of refused) {
    const error = await failureOf(call);
    expect(error).toBeInstanceOf(RoutingError);
    expect(JSON.stringify(error) + String(error) + (error as Error).stack).not.toContain(ip);
    expect(error).toMatchObject({ outcome: 'not-applied', retryable: false });
  }
  expect(await stored()).toBe(0);
  const events = [located, without, broken].flatMap((opened) => opened.events);
  expect(JSON.stringify(events)).not.toContain(ip);
});

it('a patch may not take the row to the region of another address', async () => {
  const { visitors: table } = await open(locateIp);
  const { id } = await table.insert({ ...nowhere, country: 'US', ip: '203.0.113.7' });
  const patch = { ...nowhere, ip: '203.0.113.7' };
  expect(await failureOf(table.update(id, patch))).toBeInstanceOf(RoutingError);
  expect(await failureOf(table.update(id, { ip: '203.0.113.7' }))).toBeInstanceOf(RoutingError);
  expect(await table.get(id)).toMatchObject({ country: 'US' });
  expect(await table.update(id, { ...patch, country: 'US' })).toMatchObject({ affected: 1 });
});
