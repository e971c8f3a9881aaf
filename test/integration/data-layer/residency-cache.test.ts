import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Opened } from '../../support/cluster.ts';
import { eventually } from '../../support/eventually.ts';
import { type RegionName, TwoRegions } from '../../support/servers/two-regions.ts';
import type { tables } from '../../support/tables.ts';

let regions: TwoRegions;
let eu: Opened<typeof tables>;
let us: Opened<typeof tables>;

beforeAll(async () => {
  regions = await TwoRegions.start();
  eu = await regions.open('eu');
  us = await regions.open('us');
});

afterAll(() => regions.stop());

beforeEach(() => regions.flush());

const nobody = (id: string) => `${id.slice(0, -1)}${id.endsWith('0') ? '1' : '0'}`;
const rename = (name: string) => regions.cluster.sql('eu-1', 'UPDATE users SET name = ?', [name]);
const insert = (country: string) => eu.data.users.insert({ country, name: 'Ada' });
const held = (region: RegionName, id: string) =>
  eventually(async () => {
    const keys = await regions.keys(region);
    expect(keys.filter((key) => key.endsWith(`{${id}}`))).toHaveLength(1);
  });

it('a row of a strict region leaves nothing in Redis or memory of another region', async () => {
  const ada = await insert('DE');
  const mel = await insert('US');
  const absent = nobody(ada.id);
  for (const name of ['one', 'two']) {
    await rename(name);
    expect(await us.data.users.get(ada.id)).toMatchObject({ name });
    expect(await us.data.users.getMany([mel.id, ada.id, absent, ada.id])).toMatchObject([
      { name: 'Ada' },
      { name },
      null,
      { name },
    ]);
    expect(await us.data.users.get(absent)).toBeNull();
  }
  await held('us', mel.id);
  expect((await regions.keys('us')).join()).not.toMatch(new RegExp(`${ada.id}|${absent}`));
  expect(await regions.keys('eu')).toEqual([]);
  expect(us.events).toContainEqual({ type: 'cache', table: 'users', result: 'bypass', keys: 3 });
});

it('a row that was absent from a strict region is seen as soon as it is there', async () => {
  const ada = await insert('DE');
  const absent = nobody(ada.id);
  expect(await us.data.users.get(absent)).toBeNull();
  await regions.cluster.sql(
    'eu-1',
    "INSERT INTO users VALUES (UNHEX(REPLACE(?, '-', '')), 'DE', 'X')",
    [absent],
  );
  expect(await us.data.users.get(absent)).toMatchObject({ name: 'X' });
});

it('it is cached in its own region, and a write abroad makes it go there', async () => {
  const ada = await insert('DE');
  await eu.data.users.get(ada.id);
  await held('eu', ada.id);
  await rename('changed past Meridian');
  expect(await eu.data.users.get(ada.id)).toMatchObject({ name: 'Ada' });
  expect(await us.data.users.update(ada.id, { name: 'Grace' })).toMatchObject({
    affected: 1,
    invalidation: 'done',
  });
  expect(await regions.keys('eu')).toEqual([]);
  const { data } = await regions.open('eu');
  expect(await data.users.get(ada.id)).toMatchObject({ name: 'Grace' });
});

it('a row of an open region is cached wherever it is read, and forgotten everywhere', async () => {
  const mel = await insert('US');
  await Promise.all([eu.data.users.get(mel.id), us.data.users.get(mel.id)]);
  await Promise.all([held('eu', mel.id), held('us', mel.id)]);
  expect(await eu.data.users.delete(mel.id)).toMatchObject({ invalidation: 'done' });
  expect([...(await regions.keys('eu')), ...(await regions.keys('us'))]).toEqual([]);
});

it('a region that is allowed keeps the rows like their own', async () => {
  const topology = regions.topology({ allow: ['us'] });
  const { data } = await regions.open('us', { topology });
  const ada = await insert('DE');
  await data.users.get(ada.id);
  await held('us', ada.id);
  await rename('changed past Meridian');
  expect(await data.users.get(ada.id)).toMatchObject({ name: 'Ada' });
  expect(await regions.keys('eu')).toEqual([]);
  expect(await eu.data.users.update(ada.id, { name: 'Grace' })).toMatchObject({
    invalidation: 'done',
  });
  expect(await regions.keys('us')).toEqual([]);
});

it('one Redis for all counts as being where the process is', async () => {
  const redis = regions.redis.us.url;
  await regions.cluster.forgetFacts();
  const { data } = await regions.open('us', { redis });
  const { data: home } = await regions.open('eu', { redis });
  const ada = await insert('DE');
  await data.users.get(ada.id);
  await data.users.getMany([ada.id]);
  expect(await regions.keys('us')).toEqual([]);
  await home.users.get(ada.id);
  await held('us', ada.id);
  await rename('newer');
  expect(await data.users.get(ada.id)).toMatchObject({ name: 'newer' });
  expect(await data.users.delete(ada.id)).toMatchObject({ invalidation: 'done' });
  expect(await regions.keys('us')).toEqual([]);
});

it('without any Redis the memory of another region stays empty too', async () => {
  await regions.cluster.forgetFacts();
  const { data } = await regions.open('us', { redis: false });
  const ada = await insert('DE');
  for (const name of ['one', 'two']) {
    await rename(name);
    expect(await data.users.get(ada.id)).toMatchObject({ name });
  }
});

it('a Redis of another region that is down delays what it is told, and nothing else', async () => {
  await regions.cluster.forgetFacts();
  const { data, events } = await regions.open('eu', {
    cache: { commandTimeoutMs: 2_000, farTimeoutMs: 50 },
  });
  const mel = await insert('US');
  await us.data.users.get(mel.id);
  await held('us', mel.id);
  await regions.redis.us.pause();
  expect(await data.users.update(mel.id, { name: 'Grace' })).toMatchObject({
    affected: 1,
    invalidation: 'pending',
  });
  expect(await data.users.get(mel.id)).toMatchObject({ name: 'Grace' });
  await held('eu', mel.id);
  await regions.redis.us.resume();
  await eventually(
    () => expect(events).toContainEqual(expect.objectContaining({ state: 'recovered' })),
    { timeout: 10_000 },
  );
  expect(await regions.keys('us')).toEqual([]);
});
