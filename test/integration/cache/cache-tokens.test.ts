import { afterAll, beforeAll, expect, it } from 'vitest';
import { failureOf, TestCluster } from '../../support/cluster.ts';
import {
  cachedMembers,
  createMembers,
  directoryKey,
  nobody,
} from '../../support/tables/members.ts';

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start();
  await createMembers(cluster);
});

afterAll(() => cluster.stop());

const directory = { keyspace: 'ledger', keys: [directoryKey], sweepMs: false } as const;
const tables = { members: cachedMembers };

it('a token makes a read by a unique value see what another process wrote', async () => {
  const { data: writer } = await cluster.openWith(tables, { directory });
  const { proxy, url } = await cluster.proxy('redis');
  // It hears nothing, and will not notice within this test.
  const cache = { maxGapMs: 60_000 };
  const { data: deaf } = await cluster.openWith(tables, { directory, redis: url, cache });
  const ada = await writer.members.insert({ ...nobody, handle: 'ada' });
  const by = (handle: string, options = {}) => deaf.members.by('handle', handle).get(options);
  expect(await by('ada')).toEqual(ada);
  expect(await by('grace')).toBeNull();
  proxy.blackHole();
  const { token } = await writer.members.update(ada.id, { handle: 'grace' });
  const grace = { ...ada, handle: 'grace' };
  expect(await by('ada')).toEqual(ada);
  expect(await by('grace', { token })).toEqual(grace);
  expect(await by('ada', { token })).toBeNull();
  expect(await deaf.members.get(ada.id, { token })).toEqual(grace);
  proxy.heal();
});

it('what is no token is refused, whether there is a row or not', async () => {
  const { data } = await cluster.openWith(tables, { directory });
  const eve = await data.members.insert({ ...nobody, handle: 'eve' });
  expect(await data.members.by('handle', 'eve').get()).toEqual(eve);
  for (const handle of ['eve', 'nobody']) {
    const read = data.members.by('handle', handle).get({ token: 'none' });
    expect(await failureOf(read)).toMatchObject({ code: 'MERIDIAN_ROUTING' });
  }
});
