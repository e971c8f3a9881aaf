import { randomBytes } from 'node:crypto';
import { type DataLayer, DuplicateKeyError, RolledBackError } from 'meridian';
import mysql from 'mysql2/promise';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { failureOf, TestCluster } from '../../support/cluster.ts';
import { eventually } from '../../support/eventually.ts';
import {
  cachedMembers,
  clearMembers,
  createMembers,
  directoryEntries,
  directoryKey,
  members,
  nobody,
} from '../../support/tables/members.ts';

let cluster: TestCluster;
/** Waits for rivals. */
let data: DataLayer<{ members: typeof cachedMembers }>;
/** Takes every rival for abandoned. */
let hasty: DataLayer<{ members: typeof members }>;

/** Another one for each test: the rows of the one before are deleted past the cache. */
let phone: string;
let drawn = 0;
const directory = { keyspace: 'ledger', keys: [directoryKey], sweepMs: false } as const;

beforeAll(async () => {
  cluster = await TestCluster.start();
  await createMembers(cluster);
  ({ data } = await cluster.openWith({ members: cachedMembers }, { directory }));
  await cluster.forgetFacts();
  ({ data: hasty } = await cluster.openWith(
    { members },
    { redis: false, directory: { ...directory, reservationMs: 1 } },
  ));
});

afterAll(() => cluster.stop());
beforeEach(async () => {
  phone = `+49 30 ${drawn++}`;
  await clearMembers(cluster);
});

/** Gives the one entry of the directory another state and token, as a crash would leave it. */
async function leaveEntry(state: 'reserved' | 'leaving'): Promise<Buffer> {
  const token = randomBytes(16);
  for (const shard of ['tx-1', 'tx-2'] as const) {
    await cluster.sql(shard, 'UPDATE meridian_directory SET state = ?, token = ?', [state, token]);
  }
  return token;
}

/** A transaction of a writer of another process, by hand. */
async function openWriter() {
  const connection = await mysql.createConnection(cluster.url('eu-1'));
  await connection.query('BEGIN');
  return {
    mark: (token: Buffer) =>
      connection.execute("INSERT INTO meridian_settlement (token, outcome) VALUES (?, 'applied')", [
        token,
      ]),
    insert: (number: string) =>
      connection.execute(
        "INSERT INTO members (id, country, name, phone) VALUES (?, 'DE', 'late', ?)",
        [randomBytes(16), number],
      ),
    commit: () => connection.query('COMMIT'),
    rollback: () => connection.query('ROLLBACK'),
    end: () => connection.end(),
  };
}

describe('a writer that paused', () => {
  it('before it marked its transaction can not commit after a sweep', async () => {
    const row = await data.members.insert({ ...nobody, phone });
    await cluster.sql('eu-1', 'DELETE FROM members');
    const token = await leaveEntry('reserved');
    const writer = await openWriter();
    expect(await hasty.directory.sweep()).toEqual({ applied: 0, aborted: 1, pending: 0 });
    expect(await directoryEntries(cluster)).toEqual([]);
    await expect(writer.mark(token)).rejects.toThrow(/Duplicate entry/);
    await writer.end();
    expect(await data.members.by('phone', phone).get({ consistency: 'primary' })).toBeNull();
    const next = await hasty.members.insert({ ...nobody, phone });
    expect(next.id).not.toBe(row.id);
  });

  it('after it marked its transaction is waited for, and both stay when it commits', async () => {
    const row = await data.members.insert({ ...nobody, phone });
    const token = await leaveEntry('reserved');
    const writer = await openWriter();
    await writer.mark(token);
    const sweep = hasty.directory.sweep();
    await eventually(async () =>
      expect(await cluster.running('eu-1', 'INSERT INTO meridian_settlement%')).toBe(1),
    );
    await writer.commit();
    await writer.end();
    expect(await sweep).toEqual({ applied: 1, aborted: 0, pending: 0 });
    expect(await hasty.members.by('phone', phone).get()).toEqual(row);
    expect(await failureOf(hasty.members.insert({ ...nobody, phone }))).toBeInstanceOf(
      DuplicateKeyError,
    );
  });

  it('for long is left alone, and settled by a later sweep', async () => {
    await data.members.insert({ ...nobody, phone });
    const token = await leaveEntry('reserved');
    const writer = await openWriter();
    await writer.mark(token);
    expect(await hasty.directory.sweep()).toEqual({ applied: 0, aborted: 0, pending: 1 });
    await writer.rollback();
    await writer.end();
    await cluster.sql('eu-1', 'DELETE FROM members');
    expect(await hasty.directory.sweep()).toEqual({ applied: 0, aborted: 1, pending: 0 });
    expect(await directoryEntries(cluster)).toEqual([]);
  });
});

describe('a value that was being given up', () => {
  it('is kept by its row when the writer never ended', async () => {
    const row = await data.members.insert({ ...nobody, phone });
    await leaveEntry('leaving');
    expect(await hasty.members.by('phone', phone).get()).toEqual(row);
    expect(await failureOf(hasty.members.insert({ ...nobody, phone }))).toBeInstanceOf(
      DuplicateKeyError,
    );
    expect(await directoryEntries(cluster)).toMatchObject([{ state: 'confirmed' }]);
  });

  it('is free when the writer had committed', async () => {
    const row = await data.members.insert({ ...nobody, phone });
    const token = await leaveEntry('leaving');
    await cluster.sql('eu-1', "INSERT INTO meridian_settlement VALUES (?, 'applied', NOW(6))", [
      token,
    ]);
    await cluster.sql('eu-1', 'DELETE FROM members');
    const next = await data.members.insert({ ...nobody, country: 'US', phone });
    expect(next.id).not.toBe(row.id);
    expect(await data.members.by('phone', phone).get()).toEqual(next);
  });
});

describe('a rival that is under way', () => {
  it('is waited for within the deadline, by whoever holds no locks', async () => {
    await data.members.insert({ ...nobody, phone });
    await leaveEntry('reserved');
    const error = await failureOf(data.members.insert({ ...nobody, phone }, { timeoutMs: 300 }));
    expect(error).toMatchObject({ code: 'MERIDIAN_TIMEOUT', outcome: 'not-applied' });
  });

  it('is not waited for inside a transaction, which may be run again', async () => {
    const ada = await data.members.insert({ ...nobody });
    await data.members.insert({ ...nobody, phone });
    await leaveEntry('reserved');
    const work = data.members
      .at(ada.id)
      .transaction((trx) => trx.members.update(ada.id, { phone }));
    const error = await failureOf(work);
    expect(error).toBeInstanceOf(RolledBackError);
    expect(error).toMatchObject({ retryable: true, outcome: 'not-applied' });
    expect(await data.members.get(ada.id)).toMatchObject({ phone: null });
  });
});

it('a commit whose reply was lost is found out by whoever wants the value next', async () => {
  const { proxy, url } = await cluster.proxy('eu-1');
  await cluster.forgetFacts();
  const { data: cut } = await cluster.openWith(
    { members },
    { topology: cluster.topology({ 'eu-1': url }), directory },
  );
  const dropped = proxy.dropNextCommitReply();
  const error = await failureOf(cut.members.insert({ ...nobody, phone }));
  await dropped.happened;
  expect(error).toMatchObject({ outcome: 'unknown', context: { id: expect.any(String) } });
  expect(await directoryEntries(cluster)).toMatchObject([{ state: 'reserved' }]);
  expect(await data.members.by('phone', phone).get()).toMatchObject({ phone });
  expect(await failureOf(data.members.insert({ ...nobody, phone }))).toBeInstanceOf(
    DuplicateKeyError,
  );
  expect(await directoryEntries(cluster)).toMatchObject([{ state: 'confirmed' }]);
});

it('a directory that fails after the commit does not fail the write', async () => {
  await cluster.forgetFacts();
  const { data: told, events } = await cluster.openWith({ members }, { directory });
  for (const shard of ['tx-1', 'tx-2'] as const) {
    await cluster.sql(
      shard,
      "CREATE TRIGGER fail BEFORE UPDATE ON meridian_directory FOR EACH ROW SIGNAL SQLSTATE '45000'",
    );
  }
  const row = await told.members.insert({ ...nobody, phone });
  for (const shard of ['tx-1', 'tx-2'] as const) await cluster.sql(shard, 'DROP TRIGGER fail');
  expect(events).toContainEqual(
    expect.objectContaining({ type: 'directory-fault', operation: 'confirm' }),
  );
  expect(await told.members.by('phone', phone).get()).toEqual(row);
  expect(await hasty.directory.sweep()).toEqual({ applied: 1, aborted: 0, pending: 0 });
  expect(await told.members.by('phone', phone).get()).toEqual(row);
  expect(await directoryEntries(cluster)).toMatchObject([{ state: 'confirmed' }]);
});

describe('what nobody has', () => {
  it('is remembered, and forgotten when somebody gets it', async () => {
    expect(await data.members.by('phone', phone).get()).toBeNull();
    const row = await data.members.insert({ ...nobody, phone });
    expect(await data.members.by('phone', phone).get()).toEqual(row);
    await data.members.update(row.id, { phone: '+1' });
    expect(await data.members.by('phone', phone).get()).toBeNull();
    expect(await data.members.by('phone', '+1').get()).toMatchObject({ id: row.id });
    await data.members.delete(row.id);
    expect(await data.members.by('phone', '+1').get()).toBeNull();
  });

  it('is not believed to have been moved when only this process has not heard of it', async () => {
    const row = await data.members.insert({ ...nobody, phone });
    expect(await data.members.by('phone', phone).get()).toEqual(row);
    await hasty.members.update(row.id, { phone: '+2' });
    expect(await data.members.by('phone', '+2').get()).toMatchObject({ phone: '+2' });
  });
});
