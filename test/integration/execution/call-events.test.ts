import { type CallEvent, type CallOperation, defineTable } from 'meridian';
import mysql from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { accountOn, failureOf, type OwnCluster, TestCluster } from '../../support/cluster.ts';
import { eventually } from '../../support/eventually.ts';
import { createMembers, directoryKey, members, nobody } from '../../support/tables/members.ts';
import { tables } from '../../support/tables.ts';

const currencies = defineTable({
  name: 'currencies',
  reference: true,
  primaryKey: 'code',
  schema: z.object({ code: z.string(), name: z.string() }),
});
const own = { ...tables, members, currencies };
const directory = { keyspace: 'ledger', keys: [directoryKey], sweepMs: false } as const;
const secret = 'a name that no event may hold';

let cluster: OwnCluster;
const open = (overrides = {}) => cluster.openWith(own, { directory, ...overrides });
let opened: Awaited<ReturnType<typeof open>>;

beforeAll(async () => {
  cluster = await TestCluster.startOwn();
  await createMembers(cluster);
  for (const shard of ['eu-1', 'us-1', 'tx-1', 'tx-2'] as const) {
    await cluster.sql(
      shard,
      'CREATE TABLE currencies (code VARCHAR(3) COLLATE utf8mb4_bin PRIMARY KEY, name VARCHAR(50) NOT NULL)',
    );
  }
  opened = await open();
});

afterAll(() => cluster.stop());

/** The calls that have ended while `work` ran. */
async function callsOf(work: () => Promise<unknown>, of = opened): Promise<CallEvent[]> {
  const from = of.calls.length;
  await work();
  return of.calls.slice(from);
}

async function read(rows: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of rows);
}

describe('each public call ends with one event', () => {
  const sql = 'SELECT id FROM users';
  const user = () => opened.data.users.insert({ country: 'DE', name: secret });
  type Case = readonly [CallOperation, string | undefined, () => Promise<() => Promise<unknown>>];
  const ofUser = (
    operation: CallOperation,
    work: (id: string) => Promise<unknown>,
  ): readonly [CallOperation, string, () => Promise<() => Promise<unknown>>] => [
    operation,
    'users',
    async () => {
      const { id } = await user();
      return () => work(id);
    },
  ];
  const users = () => opened.data.users;
  const cases: Case[] = [
    ofUser('get', (id) => users().get(id)),
    ofUser('getMany', (id) => users().getMany([id, id])),
    ofUser('insert', user),
    ofUser('insertMany', () => users().insertMany([{ country: 'DE', name: secret }])),
    ofUser('update', (id) => users().update(id, { name: 'other' })),
    ofUser('delete', (id) => users().delete(id)),
    ofUser('relocate', (id) => users().relocate(id, { country: 'US' })),
    ofUser('at.get', (id) => users().at(id).get(id)),
    ofUser('at.getMany', (id) => users().at(id).getMany([id])),
    ofUser('at.list', (id) => users().at(id).list()),
    ofUser('at.query', (id) => users().at(id).query(sql)),
    ofUser('at.stream', (id) => read(users().at(id).stream(sql))),
    [
      'at.execute',
      'transactions',
      async () => {
        const account = accountOn('tx-1', opened.data.transactions);
        const at = opened.data.transactions.at(account);
        return () => at.execute('DELETE FROM transactions WHERE account_id = ?', [account]);
      },
    ],
    ofUser('at.transaction', (id) =>
      users()
        .at(id)
        .transaction((trx) => trx.users.get(id)),
    ),
    ofUser('everywhere.query', () => users().everywhere.query(sql)),
    ofUser('everywhere.each', () => users().everywhere.each(sql)),
    ofUser('everywhere.stream', () => read(users().everywhere.stream(sql))),
    [
      'by.get',
      'members',
      async () => {
        await opened.data.members.insert({ ...nobody, serial: 1 });
        return () => opened.data.members.by('serial', 1).get();
      },
    ],
    ['backfill', 'members', async () => () => opened.data.members.backfill('serial')],
    ['put', 'currencies', async () => () => opened.data.currencies.put({ code: 'EUR', name: 'x' })],
    ['get', 'currencies', async () => () => opened.data.currencies.get('EUR')],
    ['getMany', 'currencies', async () => () => opened.data.currencies.getMany(['EUR'])],
    ['all', 'currencies', async () => () => opened.data.currencies.all()],
    ['delete', 'currencies', async () => () => opened.data.currencies.delete('EUR')],
    ['placement', undefined, async () => () => opened.data.placement()],
    ['directory.sweep', undefined, async () => () => opened.data.directory.sweep()],
    ['idempotency.sweep', undefined, async () => () => opened.data.idempotency.sweep()],
    ['relocations.sweep', undefined, async () => () => opened.data.relocations.sweep()],
  ];
  it.each(cases)('%s of %s', async (operation, table, prepare) => {
    const calls = await callsOf(await prepare());
    expect(calls).toEqual([
      {
        type: 'call',
        operation,
        table,
        shards: expect.any(Array),
        durationMs: expect.any(Number),
        queuedMs: { guard: expect.any(Number), pool: expect.any(Number), load: expect.any(Number) },
        attempts: expect.any(Number),
        retries: 0,
        outcome: 'done',
        code: undefined,
      },
    ]);
    const [call] = calls;
    expect(call?.attempts).toBeGreaterThan(0);
    expect(call?.shards.length).toBeGreaterThan(0);
    expect(JSON.stringify(opened.calls)).not.toContain(secret);
  });

  it('none of it is asked of a shard where memory or Redis answers', async () => {
    const { id } = await user();
    await opened.data.users.get(id);
    const { calls, data } = await open();
    await data.users.get(id);
    await data.users.get(id);
    await data.users.getMany([id]);
    expect(calls).toMatchObject(
      ['get', 'get', 'getMany'].map((operation) => ({
        operation,
        shards: [],
        attempts: 0,
        outcome: 'done',
      })),
    );
  });

  it('a stream that its reader leaves is done', async () => {
    const { id } = await user();
    const calls = await callsOf(async () => {
      for await (const _ of users().at(id).stream('SELECT 1 UNION SELECT 2')) break;
    });
    expect(calls).toMatchObject([{ operation: 'at.stream', outcome: 'done' }]);
  });
});

describe('what failed is told as its caller is told', () => {
  it('each of a batch for itself', async () => {
    const account = accountOn('tx-1', opened.data.transactions);
    const rows = await opened.data.transactions.insertMany(
      [1n, 2n, 3n].map((cents) => ({ account_id: account, cents })),
    );
    const [a, b, c] = rows.map(({ id }) => id);
    const ending = new AbortController();
    const calls = await callsOf(async () => {
      const reads = [
        opened.data.transactions.get(a ?? ''),
        failureOf(opened.data.transactions.get(b ?? '', { signal: ending.signal })),
        opened.data.transactions.get(c ?? ''),
      ];
      ending.abort();
      await Promise.all(reads);
    });
    expect(calls).toHaveLength(3);
    expect(calls.filter(({ outcome }) => outcome === 'done')).toMatchObject([
      { attempts: 1, shards: ['tx-1'], retries: 0 },
      { attempts: 1, shards: ['tx-1'], retries: 0 },
    ]);
    expect(calls.filter(({ outcome }) => outcome !== 'done')).toMatchObject([
      { code: 'MERIDIAN_ABORTED', outcome: 'not-applied' },
    ]);
  });

  it('also before anything was asked, and by what the caller threw', async () => {
    const { data } = opened;
    const at = data.transactions.at(accountOn('tx-1', data.transactions));
    const calls = await callsOf(async () => {
      await failureOf(at.query('DELETE FROM transactions'));
      await failureOf(data.users.getMany([], { maxAgeMs: -1 }));
      await failureOf(
        at.transaction(async () => {
          throw new Error(secret);
        }),
      );
    });
    expect(calls).toMatchObject([
      { operation: 'at.query', attempts: 0, outcome: 'not-applied', code: expect.any(String) },
      { operation: 'getMany', attempts: 0, outcome: 'not-applied', code: 'MERIDIAN_CONFIG' },
      { operation: 'at.transaction', attempts: 1, outcome: 'failed', code: undefined },
    ]);
    expect(JSON.stringify(calls)).not.toContain(secret);
  });

  it('a write whose reply is lost is unknown, a read is tried again', async () => {
    const { proxy, url } = await cluster.proxy('tx-1');
    const behind = await open({ topology: cluster.topology({ 'tx-1': url }) });
    const { data } = behind;
    const account = accountOn('tx-1', data.transactions);
    await data.transactions.insert({ account_id: account, cents: 1n });
    const at = data.transactions.at(account);
    const written = await callsOf(async () => {
      const update = failureOf(
        at.execute('UPDATE transactions SET cents = SLEEP(0.5) WHERE account_id = ?', [account]),
      );
      await eventually(async () => expect(await cluster.running('tx-1', '%SLEEP%')).toBe(1));
      proxy.reset();
      await update;
    }, behind);
    expect(written).toMatchObject([
      { attempts: 1, outcome: 'unknown', code: 'MERIDIAN_UNKNOWN_OUTCOME', shards: ['tx-1'] },
    ]);
    await eventually(async () => expect(await cluster.running('tx-1', '%SLEEP%')).toBe(0));
    const asked = await callsOf(async () => {
      const query = at.query('SELECT SLEEP(0.5)');
      await eventually(async () => expect(await cluster.running('tx-1', '%SLEEP%')).toBe(1));
      proxy.reset();
      await query;
    }, behind);
    expect(asked).toMatchObject([{ attempts: 2, retries: 1, outcome: 'done', shards: ['tx-1'] }]);
  });

  it('a call after close() is told as well', async () => {
    const closed = await open();
    await closed.data.close();
    await failureOf(closed.data.users.get('0192aaaa-aaaa-7aaa-8104-00aaaaaaaaaa'));
    expect(closed.calls).toMatchObject([{ operation: 'get', code: 'MERIDIAN_CLOSED' }]);
  });
});

describe('the time in queues', () => {
  it('of the guard, and of its connections', async () => {
    const { proxy, url } = await cluster.proxy('tx-1');
    const narrow = await open({
      topology: cluster.topology({ 'tx-1': url }),
      pool: { connections: 1 },
      startup: 'lazy',
    });
    const at = narrow.data.transactions.at(accountOn('tx-1', narrow.data.transactions));
    proxy.reset();
    proxy.latency(30);
    const calls = await callsOf(
      () => Promise.all([at.query('SELECT SLEEP(0.1)'), at.query('SELECT 1')]),
      narrow,
    );
    const [first, second] = calls;
    // The handshake takes several trips of 30 ms there and back.
    expect(first?.queuedMs.pool).toBeGreaterThan(50);
    expect(second?.queuedMs.guard).toBeGreaterThan(100);
    expect(first?.queuedMs.guard).toBeLessThan(second?.queuedMs.guard ?? 0);
    for (const { queuedMs, durationMs } of calls) {
      expect(queuedMs.guard + queuedMs.pool).toBeLessThanOrEqual(durationMs);
      expect(queuedMs.load).toBe(0);
    }
  });

  it('of the room for cache loads, for each of those who wait for one', async () => {
    const ids: string[] = [];
    while (ids.length < 2) {
      const { id } = await opened.data.users.insert({ country: 'DE', name: 'x' });
      ids.push(id);
    }
    const reader = await open({ cache: { loadsPerShard: 1 } });
    const [shard] = await reader.data.users
      .at(ids[0] ?? '')
      .query('SELECT 1 AS n')
      .then(() => reader.calls.flatMap(({ shards }) => shards));
    expect(shard).toBe('eu-1');
    const lock = await mysql.createConnection(cluster.cluster.shards['eu-1'].primary.adminUrl);
    try {
      await lock.query('LOCK TABLES users WRITE');
      const first = reader.data.users.get(ids[0] ?? '');
      await eventually(async () => expect(await cluster.running('eu-1', 'SELECT%users%')).toBe(1));
      const others = [reader.data.users.get(ids[1] ?? ''), reader.data.users.get(ids[1] ?? '')];
      const from = reader.calls.length;
      await lock.query('SELECT SLEEP(0.1)');
      await lock.query('UNLOCK TABLES');
      await Promise.all([first, ...others]);
      const [own, ...waited] = reader.calls.slice(from);
      expect(waited).toHaveLength(2);
      for (const { queuedMs, durationMs, attempts } of waited) {
        expect(attempts).toBe(1);
        expect(queuedMs.load).toBeGreaterThan(own?.queuedMs.load ?? 0);
        expect(queuedMs.load).toBeLessThanOrEqual(durationMs);
      }
    } finally {
      await lock.end();
    }
  });
});

it('an observer that throws harms no call, and the others are told', async () => {
  const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  try {
    const told: string[] = [];
    const { data } = await open({
      observers: [
        () => {
          throw new Error('broken');
        },
        ({ type }: { type: string }) => told.push(type),
      ],
    });
    const at = data.transactions.at(accountOn('tx-1', data.transactions));
    expect(await at.query("SELECT 'one' AS n")).toEqual([{ n: 'one' }]);
    expect(told.filter((type) => type === 'call')).toHaveLength(1);
    expect(warned).toHaveBeenCalledOnce();
  } finally {
    warned.mockRestore();
  }
});

it('an observer is told only of what it wants', async () => {
  const told = new Set<string>();
  const observe = Object.assign(({ type }: { type: string }) => void told.add(type), {
    wants: (type: string) => type !== 'call',
  });
  const { data } = await open({ observers: [observe] });
  await data.users.insert({ country: 'DE', name: 'x' });
  expect(told).toContain('started');
  expect(told).not.toContain('call');
});
