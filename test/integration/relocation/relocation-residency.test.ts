import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { failureOf } from '../../support/cluster.ts';
import { TwoRegions } from '../../support/servers/two-regions.ts';

let regions: TwoRegions;

beforeAll(async () => {
  regions = await TwoRegions.start();
});

beforeEach(() => regions.flush());

afterAll(() => regions.stop());

const bytesOf = (id: string) => Buffer.from(id.replaceAll('-', ''), 'hex');

it('an owner who moves into a strict region is kept nowhere else, whatever its id names', async () => {
  const { data: eu } = await regions.open('eu');
  const { data: us } = await regions.open('us');
  const user = await us.users.insert({ country: 'US', name: 'Ada' });
  await us.users.get(user.id);
  await expect.poll(() => regions.keys('us')).not.toEqual([]);
  await us.users.relocate(user.id, { country: 'DE' });
  expect(await regions.keys('us')).toEqual([]);

  expect(await us.users.get(user.id)).toEqual({ ...user, country: 'DE' });
  expect(await eu.users.get(user.id)).toEqual({ ...user, country: 'DE' });
  await expect.poll(() => regions.keys('eu')).not.toEqual([]);
  expect((await regions.keys('us')).filter((key) => !key.endsWith(':lease'))).toEqual([]);
  // What changes past Meridian is seen at once by who keeps nothing.
  await regions.cluster.sql('eu-1', 'UPDATE users SET name = ? WHERE id = ?', [
    'Ada L.',
    bytesOf(user.id),
  ]);
  expect((await us.users.get(user.id))?.name).toBe('Ada L.');
});

it('an owner who moves out of a strict region may be kept anywhere', async () => {
  const { data: us } = await regions.open('us');
  const { data: eu } = await regions.open('eu');
  const user = await eu.users.insert({ country: 'DE', name: 'Ada' });
  await eu.users.get(user.id);
  await eu.users.relocate(user.id, { country: 'US' });
  expect(await regions.keys('eu')).toEqual([]);
  expect(await us.users.get(user.id)).toEqual({ ...user, country: 'US' });
  expect(await eu.users.get(user.id)).toEqual({ ...user, country: 'US' });
});

it('a row of a strict country does not leave by the name of a region, and the refusal is on record', async () => {
  const { data, events } = await regions.open('eu');
  const user = await data.users.insert({ country: 'DE', name: 'Ada' });
  for (const place of [{ region: 'us' }, { region: 'us', country: 'FR' }]) {
    const refused = await failureOf(data.users.relocate(user.id, place));
    expect(refused).toMatchObject({ code: 'MERIDIAN_RESIDENCY', strictRegions: ['eu'] });
    expect(JSON.stringify(refused)).not.toContain(user.id);
  }
  const audit = events.filter(({ type }) => type === 'residency');
  expect(audit).toHaveLength(2);
  expect(audit[0]).toMatchObject({
    action: 'relocate',
    service: 'api-eu',
    table: 'users',
    strictRegions: ['eu'],
    region: 'us',
  });
  expect(await data.users.get(user.id, { consistency: 'primary' })).toEqual(user);
});
