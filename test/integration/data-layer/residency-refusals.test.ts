import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import {
  createDataLayer,
  defineTable,
  type MeridianEvent,
  ResidencyError,
  RoutingError,
} from 'meridian';
import { newId } from 'meridian/sharding';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { failureOf, type Opened } from '../../support/cluster.ts';
import { TwoRegions } from '../../support/servers/two-regions.ts';
import { tables } from '../../support/tables.ts';

let regions: TwoRegions;
let eu: Opened<typeof tables>;
let us: Opened<typeof tables>;

beforeAll(async () => {
  regions = await TwoRegions.start();
  eu = await regions.open('eu');
  us = await regions.open('us');
});

afterAll(() => regions.stop());

beforeEach(async () => {
  await regions.cluster.forgetFacts();
  eu.events.length = 0;
  us.events.length = 0;
});

const audit = (events: readonly MeridianEvent[]) =>
  events.filter(({ type }) => type === 'residency');
const refusal = (action: string, more: object = {}) => ({
  type: 'residency',
  action,
  service: 'api-us',
  processRegion: 'us',
  table: 'users',
  strictRegions: ['eu'],
  region: 'us',
  ...more,
});
const usId = newId(1, 2 * 1024 + 5);
const people = 'SELECT name FROM users';

it('a row of a strict region is not inserted under an id of another region', async () => {
  const row = { id: usId, country: 'DE', name: 'Ada' };
  const rows = [{ country: 'US', name: 'Mel' }, row];
  for (const work of [us.data.users.insert(row), us.data.users.insertMany(rows)]) {
    const error = await failureOf(work);
    expect(error).toBeInstanceOf(ResidencyError);
    expect(error).toMatchObject({ code: 'MERIDIAN_RESIDENCY', outcome: 'not-applied' });
    expect(JSON.stringify(error)).not.toMatch(/Ada|\bDE\b/);
    expect(JSON.stringify(error)).not.toContain(usId);
  }
  expect(audit(us.events)).toEqual([refusal('insert'), refusal('insert')]);
  expect(await us.data.users.get(usId)).toBeNull();
});

it('an update moves no row out of a strict region, and keeps none out of its own', async () => {
  const ada = await us.data.users.insert({ country: 'DE', name: 'Ada' });
  const mel = await us.data.users.insert({ country: 'US', name: 'Mel' });
  expect(await failureOf(us.data.users.update(ada.id, { country: 'US' }))).toBeInstanceOf(
    ResidencyError,
  );
  expect(await failureOf(us.data.users.update(mel.id, { country: 'FR' }))).toBeInstanceOf(
    ResidencyError,
  );
  expect(audit(us.events)).toEqual([refusal('update'), refusal('update')]);
  expect(await us.data.users.update(ada.id, { country: 'FR' })).toMatchObject({ affected: 1 });
  expect(await us.data.users.get(mel.id)).toMatchObject({ country: 'US' });
  expect(audit(us.events)).toHaveLength(2);
});

it('a refusal inside a transaction is told once, and also when it is swallowed', async () => {
  const mel = await us.data.users.insert({ country: 'US', name: 'Mel' });
  const at = us.data.users.at(mel.id);
  const passed = at.transaction(async (trx) => trx.users.update(mel.id, { country: 'DE' }));
  expect(await failureOf(passed)).toBeInstanceOf(ResidencyError);
  expect(audit(us.events)).toEqual([refusal('update')]);
  await at.transaction(async (trx) => {
    await trx.users.insert({ id: usId, country: 'DE', name: 'Ada' }).catch(() => undefined);
    await trx.users.update(mel.id, { name: 'Melanie' });
  });
  expect(audit(us.events)).toEqual([refusal('update'), refusal('insert')]);
  expect(await us.data.users.get(mel.id)).toMatchObject({ name: 'Melanie' });
});

it('a process elsewhere reads everywhere but in a strict region', async () => {
  await us.data.users.insert({ country: 'DE', name: 'in eu' });
  await us.data.users.insert({ country: 'US', name: 'in us' });
  const { everywhere } = us.data.users;
  const refused = await failureOf(everywhere.query(people));
  expect(refused).toBeInstanceOf(ResidencyError);
  expect(String(refused)).toContain('{ regions: ["us"] }');
  const alone = await failureOf(everywhere.stream(people, [], { regions: ['eu'] }).next());
  expect(alone).toBeInstanceOf(ResidencyError);
  expect(audit(us.events)).toEqual([refusal('scatter'), refusal('scatter')]);
  const names = async (process: typeof us, asked?: string[]) => {
    const rows = await process.data.users.everywhere.query(people, [], asked && { regions: asked });
    return new Set(rows.map(({ name }) => name));
  };
  expect(await names(us, ['us', 'us'])).not.toContain('in eu');
  expect(await names(us, ['us'])).toContain('in us');
  for (const name of ['in eu', 'in us']) expect(await names(eu)).toContain(name);
  expect(await names(eu, ['eu'])).not.toContain('in us');
  const allowed = await regions.open('us', { topology: regions.topology({ allow: ['us'] }) });
  expect(await names(allowed)).toContain('in eu');
});

it('regions that hold nothing of a keyspace are a mistake, not an empty answer', async () => {
  for (const asked of [['eu', 'ue'], ['mars'], []]) {
    const work = eu.data.users.everywhere.query(people, [], { regions: asked });
    expect(await failureOf(work)).toBeInstanceOf(RoutingError);
  }
  expect(audit(eu.events)).toEqual([]);
});

it('a process that does not say where it is reads nothing of a strict region in bulk', async () => {
  const users = defineTable({
    name: 'users',
    keyspace: 'people',
    primaryKey: 'id',
    place: ({ country }) => ({ country }),
    schema: tables.users.schema,
    columns: { id: 'uuid-binary' },
  });
  const events: MeridianEvent[] = [];
  const data = await createDataLayer({
    topology: regions.topology(),
    tables: { users },
    redis: false,
    systemTables: 'create',
    logger: false,
    observers: [(event) => events.push(event)],
  });
  expect(await failureOf(data.users.everywhere.query(people))).toBeInstanceOf(ResidencyError);
  expect(audit(events)).toMatchObject([
    { processRegion: undefined, region: undefined, service: expect.stringMatching(/^.+:\d+$/) },
  ]);
  await data.close();
});

it('a replica of a strict region that is elsewhere is never asked, and told of at start', async () => {
  let asked = 0;
  const server = createServer((socket) => {
    asked++;
    socket.destroy();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const abroad = { url: `mysql://app:secret@127.0.0.1:${port}/app`, region: 'us' };
  const withReplica = (allow: string[]) => {
    const topology = regions.topology({ allow });
    const shard = topology.shards['eu-1'];
    if (shard === undefined) throw new TypeError('the standard topology has a shard eu-1');
    return {
      ...topology,
      shards: { ...topology.shards, 'eu-1': { ...shard, replicas: [abroad] } },
    };
  };
  try {
    const { data, events } = await regions.open('us', { topology: withReplica([]) });
    const ada = await data.users.insert({ country: 'DE', name: 'Ada' });
    const replica = { consistency: 'replica' } as const;
    expect(await data.users.get(ada.id, replica)).toEqual(ada);
    expect(await data.users.getMany([ada.id], replica)).toEqual([ada]);
    expect(await data.users.at(ada.id).query('SELECT 1 AS one', [], replica)).toHaveLength(1);
    const { data: home } = await regions.open('eu', { topology: withReplica([]) });
    await home.users.everywhere.query(people, [], replica);
    expect(asked).toBe(0);
    expect(audit(events)).toEqual([
      refusal('replica', { table: undefined, endpoint: 'eu-1/replica-1' }),
    ]);
    const allowed = await regions.open('us', { topology: withReplica(['us']) });
    expect(asked).toBeGreaterThan(0);
    expect(audit(allowed.events)).toEqual([]);
  } finally {
    server.close();
  }
});
