import { defineTable, ResidencyError } from 'meridian';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { failureOf } from '../../support/cluster.ts';
import { type RegionName, TwoRegions } from '../../support/servers/two-regions.ts';
import { createMembers, directoryKey, members, nobody } from '../../support/tables/members.ts';

let regions: TwoRegions;

/** Each process has a table of its own, which counts how often values were normalized. */
async function open(region: RegionName) {
  const calls: string[] = [];
  const counted = defineTable({
    name: members.name,
    keyspace: members.keyspace,
    primaryKey: members.primaryKey,
    place: (member) => ({ country: member.country }),
    schema: members.schema,
    columns: { id: 'uuid-binary' },
    cache: { ttlMs: 60_000 },
    lookups: {
      phone: {
        unique: true,
        normalize: (phone) => {
          calls.push(phone);
          return phone;
        },
      },
    },
  });
  const { eu, us } = regions.redis;
  const { data, events } = await regions.cluster.openWith(
    { members: counted },
    {
      region,
      topology: regions.topology(),
      redis: { eu: eu.url, us: us.url },
      cache: { commandTimeoutMs: 2_000, farTimeoutMs: 2_000 },
      directory: { keyspace: 'ledger', keys: [directoryKey] },
    },
  );
  return { data, calls, events };
}

beforeAll(async () => {
  regions = await TwoRegions.start();
  await createMembers(regions.cluster);
});

afterAll(() => regions.stop());
beforeEach(() => regions.flush());

it('a process beside a strict region finds its rows by their values, and keeps neither', async () => {
  const [home, abroad] = [await open('eu'), await open('us')];
  const ada = await home.data.members.insert({ ...nobody, phone: '+491' });
  for (const { data } of [home, abroad, home, abroad]) {
    expect(await data.members.by('phone', '+491').get()).toEqual(ada);
  }
  const keys = await regions.keys('us');
  // What the directory says is kept, under an HMAC; the row is not.
  expect(keys.filter((key) => !key.includes(':by:phone'))).toEqual([]);
  expect(keys.join()).not.toContain('491');
  // Nobody remembers the HMAC of a value without remembering the value.
  const made = { home: home.calls.length, abroad: abroad.calls.length };
  await home.data.members.by('phone', '+491').get();
  await abroad.data.members.by('phone', '+491').get();
  expect(home.calls.length).toBe(made.home);
  expect(abroad.calls.length).toBeGreaterThan(made.abroad);
});

it('a backfill reads a whole region, so it is left to a process that may hold it', async () => {
  const [home, abroad] = [await open('eu'), await open('us')];
  expect(await failureOf(abroad.data.members.backfill('phone'))).toBeInstanceOf(ResidencyError);
  expect(abroad.events.filter(({ type }) => type === 'residency')).toMatchObject([
    { action: 'scatter', table: 'members', strictRegions: ['eu'], processRegion: 'us' },
  ]);
  const before = await home.data.members.backfill('phone');
  const bob = await home.data.members.insert({ ...nobody, country: 'US', phone: '+11' });
  const eu = await home.data.members.backfill('phone', { regions: ['eu'] });
  const us = await abroad.data.members.backfill('phone', { regions: ['us'] });
  expect(eu.scanned + us.scanned).toBe(before.scanned + 1);
  expect(await home.data.members.by('phone', '+11').get()).toEqual(bob);
});
