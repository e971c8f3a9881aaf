import { inspect } from 'node:util';
import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { failureOf, TestCluster } from '../../support/cluster.ts';
import { eventually } from '../../support/eventually.ts';
import { redisContents } from '../../support/redis/redis-contents.ts';
import {
  cachedMembers,
  clearMembers,
  createMembers,
  directoryEntries,
  directoryKey,
  members,
  nobody,
  plainMembers,
} from '../../support/tables/members.ts';

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start();
  await createMembers(cluster);
  await open();
});

afterAll(() => cluster.stop());
beforeEach(async () => {
  await clearMembers(cluster);
  await cluster.forgetFacts();
});

async function open(keys: [string, ...string[]] = [directoryKey], sweepMs: number | false = false) {
  const directory = { keyspace: 'ledger', keys, sweepMs, reservationMs: 50 };
  const { data } = await cluster.openWith({ members }, { directory });
  return data;
}

it('rows that were there before the lookup are entered, and duplicates are told', async () => {
  const { data: plain } = await cluster.openWith({ members: plainMembers });
  const rows = await plain.members.insertMany(
    Array.from({ length: 300 }, (_, index) => ({
      ...nobody,
      country: index % 2 === 0 ? 'DE' : 'US',
      phone: `+${index % 299}`,
    })),
  );
  const data = await open();
  expect(await data.members.by('phone', '+7').get()).toBeNull();
  const progress: number[] = [];
  const first = await data.members.backfill('phone', {
    onProgress: ({ scanned }) => progress.push(scanned),
  });
  expect(first).toMatchObject({ scanned: 300, entered: 299 });
  expect(first.duplicates).toHaveLength(1);
  expect([rows[0]?.id, rows[299]?.id]).toContain(first.duplicates[0]);
  expect(progress.at(-1)).toBe(300);
  expect(await data.members.by('phone', '+7').get()).toEqual(rows[7]);
  const taken = data.members.insert({ ...nobody, phone: '+8' });
  expect(await failureOf(taken)).toMatchObject({ code: 'MERIDIAN_DUPLICATE_KEY' });
  expect(await data.members.backfill('phone')).toMatchObject({ scanned: 300, entered: 0 });
  expect(await data.members.backfill('serial')).toEqual({
    scanned: 300,
    entered: 0,
    duplicates: [],
    invalid: [],
  });
});

it('a backfill beside writes loses none of them, and can be aborted', async () => {
  const { data: plain } = await cluster.openWith({ members: plainMembers });
  const rows = await plain.members.insertMany(
    Array.from({ length: 60 }, (_, index) => ({ ...nobody, phone: `+1${index}` })),
  );
  const data = await open();
  await Promise.all([
    data.members.backfill('phone'),
    ...rows.map(({ id }, index) => data.members.update(id, { phone: `+2${index}` })),
  ]);
  for (const [index, { id }] of rows.entries()) {
    expect(await data.members.by('phone', `+2${index}`).get()).toMatchObject({ id });
    expect(await data.members.by('phone', `+1${index}`).get()).toBeNull();
  }
  const aborted = data.members.backfill('phone', { signal: AbortSignal.abort() });
  expect(await failureOf(aborted)).toMatchObject({ code: 'MERIDIAN_ABORTED' });
});

it('keys are changed without a moment in which a value is not unique or not found', async () => {
  const [before, after] = ['the first key of all', 'the key that comes after it'];
  const old = await open([before]);
  const ada = await old.members.insert({ ...nobody, phone: '+1' });
  const adding = await open([before, after]);
  const bob = await adding.members.insert({ ...nobody, phone: '+2' });
  const taken = (data: typeof old, phone: string) =>
    failureOf(data.members.insert({ ...nobody, country: 'US', phone }));
  const duplicate = { code: 'MERIDIAN_DUPLICATE_KEY' };
  expect(await taken(adding, '+1')).toMatchObject(duplicate);
  expect(await taken(old, '+2')).toMatchObject(duplicate);
  expect(await adding.members.backfill('phone')).toMatchObject({ entered: 1 });
  const early = await failureOf(open([after, before]));
  expect(early).toMatchObject({ message: expect.stringContaining("backfill('serial')") });
  await adding.members.backfill('serial');
  const leading = await open([after, before]);
  expect(await leading.members.by('phone', '+1').get()).toEqual(ada);
  expect(await taken(leading, '+2')).toMatchObject(duplicate);
  expect(await taken(adding, '+2')).toMatchObject(duplicate);
  const last = await open([after]);
  expect(await last.members.by('phone', '+2').get()).toEqual(bob);
  expect(await taken(last, '+1')).toMatchObject(duplicate);
  await last.members.update(ada.id, { phone: '+3' });
  expect(await leading.members.by('phone', '+1').get()).toBeNull();
  expect(await taken(leading, '+3')).toMatchObject(duplicate);
  const reused = await leading.members.insert({ ...nobody, phone: '+1' });
  expect(await last.members.by('phone', '+1').get()).toEqual(reused);
});

it('no value that is personal leaves its row', async () => {
  const secret = '+49 171 5550199';
  const shortest = '491715550199';
  const lines: string[] = [];
  const logger = pino({ level: 'trace' }, { write: (line: string) => lines.push(line) });
  const { data, events } = await cluster.openWith(
    { members: cachedMembers },
    { logger, directory: { keyspace: 'ledger', keys: [directoryKey], sweepMs: false } },
  );
  await data.members.by('phone', secret).get();
  const row = await data.members.insert({ ...nobody, phone: secret });
  await data.members.by('phone', secret).get();
  const told = [
    await failureOf(data.members.insert({ ...nobody, phone: secret })),
    await failureOf(
      data.members.by('phone', secret).get({ consistency: 'primary', signal: AbortSignal.abort() }),
    ),
    data.members.by('phone', secret),
    data.members.by('phone', secret).explain(),
    data.directory,
    events,
    lines,
  ].map((one) => inspect(one, { depth: 20, showHidden: true }) + JSON.stringify(one));
  const tables = await Promise.all([
    ...(['tx-1', 'tx-2'] as const).map((shard) =>
      cluster.sql(shard, 'SELECT HEX(value) AS v, lookup, row_key FROM meridian_directory'),
    ),
    ...(['eu-1', 'us-1'] as const).map((shard) =>
      cluster.sql(shard, 'SELECT * FROM meridian_settlement'),
    ),
  ]);
  expect(tables.flat()).toHaveLength(1);
  const text = `${told.join()}${JSON.stringify(tables)}`;
  for (const form of [secret, shortest, Buffer.from(shortest).toString('hex').toUpperCase()]) {
    expect(text).not.toContain(form);
  }
  expect(text).not.toContain(directoryKey);
  const inRedis = await redisContents(cluster.redisUrl);
  const ofDirectory = inRedis.filter((entry) => entry.includes(':by:'));
  expect(ofDirectory.join()).toContain(row.id);
  expect(ofDirectory.join()).not.toContain(shortest);
});

it('a process settles by itself what others left, and stops when it is closed', async () => {
  const data = await open();
  await data.members.insert({ ...nobody, phone: '+1' });
  for (const shard of ['tx-1', 'tx-2'] as const) {
    await cluster.sql(
      shard,
      "UPDATE meridian_directory SET state = 'reserved', token = REPEAT('x', 16)",
    );
  }
  const sweeping = await open([directoryKey], 20);
  await eventually(async () => expect(await directoryEntries(cluster)).toEqual([]), {
    timeout: 5_000,
  });
  await sweeping.close();
  expect(await failureOf(sweeping.directory.sweep())).toMatchObject({ code: 'MERIDIAN_CLOSED' });
});

it('marks go when they are older than any connection', async () => {
  const data = await open();
  await cluster.sql(
    'eu-1',
    `INSERT INTO meridian_settlement VALUES
      (REPEAT('a', 16), 'aborted', NOW() - INTERVAL 8 DAY), (REPEAT('b', 16), 'aborted', NOW() - INTERVAL 6 DAY)`,
  );
  await data.directory.sweep();
  const left = await cluster.sql('eu-1', 'SELECT HEX(token) AS token FROM meridian_settlement');
  expect(left).toEqual([{ token: '62'.repeat(16) }]);
});

it('a data layer without lookups has no directory to sweep', async () => {
  const { data } = await cluster.openWith({ members: plainMembers });
  expect(await failureOf(data.directory.sweep())).toMatchObject({ code: 'MERIDIAN_CONFIG' });
});
