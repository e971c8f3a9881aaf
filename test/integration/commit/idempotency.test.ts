import {
  type DataLayer,
  defineTable,
  IdempotencyConflictError,
  UnknownOutcomeError,
} from 'meridian';
import type { ChaosProxy } from 'meridian/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  accountOn,
  failureOf,
  type Opened,
  shardNames,
  TestCluster,
} from '../../support/cluster.ts';
import { createGroupTables, group } from '../../support/tables/groups.ts';
import { tables as standard } from '../../support/tables.ts';

const members = defineTable({
  name: 'members',
  keyspace: 'people',
  primaryKey: 'id',
  place: (member) => ({ country: member.country }),
  schema: z.object({ id: z.uuid(), country: z.string().length(2), phone: z.string() }),
  columns: { id: 'uuid-binary' },
  lookups: { phone: { unique: true } },
});
const tables = { ...group, transactions: standard.transactions, members };

let cluster: TestCluster;
let proxy: ChaosProxy;
let opened: Opened<typeof tables>;
let data: DataLayer<typeof tables>;
let account: string;
let drawn = 0;
const newKey = () => `key-${++drawn}`;

beforeAll(async () => {
  cluster = await TestCluster.start();
  await createGroupTables(cluster);
  for (const shard of ['eu-1', 'us-1'] as const) {
    await cluster.sql(
      shard,
      'CREATE TABLE members (id BINARY(16) PRIMARY KEY, country CHAR(2) NOT NULL, phone VARCHAR(30) NOT NULL)',
    );
  }
  const { proxy: before, url } = await cluster.proxy('tx-1');
  proxy = before;
  opened = await cluster.openWith(tables, {
    topology: cluster.topology({ 'tx-1': url }),
    directory: { keyspace: 'ledger', keys: ['a key for the tests of keys'] },
    breaker: { failures: 1_000 },
  });
  data = opened.data;
  account = accountOn('tx-1', data.transactions);
});

afterAll(() => cluster.stop());

beforeEach(async () => {
  proxy.heal();
  await cluster.sql('tx-1', 'DELETE FROM transactions');
});

const count = async (shard: 'tx-1' | 'eu-1' | 'us-1' = 'tx-1', table = 'transactions') => {
  const [row] = await cluster.sql(shard, `SELECT COUNT(*) AS n FROM ${table}`);
  return Number(row?.n);
};

describe('an insert with a key', () => {
  it('stores one row however often it is called, and returns it', async () => {
    const key = newKey();
    const row = { account_id: account, cents: 5n };
    const first = await data.transactions.insert(row, { idempotencyKey: key });
    const second = await data.transactions.insert(row, { idempotencyKey: key });
    expect(second).toEqual(first);
    expect(await count()).toBe(1);
  });

  it('stores one row for callers at once', async () => {
    const idempotencyKey = newKey();
    const row = { account_id: account, cents: 5n };
    const rows = await Promise.all(
      Array.from({ length: 8 }, () => data.transactions.insert(row, { idempotencyKey })),
    );
    expect(new Set(rows.map(({ id }) => id)).size).toBe(1);
    expect(await count()).toBe(1);
  });

  it('is refused for another row under the same key', async () => {
    const idempotencyKey = newKey();
    await data.transactions.insert({ account_id: account, cents: 5n }, { idempotencyKey });
    const error = await failureOf(
      data.transactions.insert({ account_id: account, cents: 6n }, { idempotencyKey }),
    );
    expect(error).toBeInstanceOf(IdempotencyConflictError);
    expect(error).toMatchObject({
      reason: 'other-payload',
      outcome: 'not-applied',
      retryable: false,
    });
    expect(await count()).toBe(1);
  });

  it('is another operation for another owner', async () => {
    const idempotencyKey = newKey();
    const other = accountOn('tx-1', data.transactions, 'other');
    await data.transactions.insert({ account_id: account, cents: 5n }, { idempotencyKey });
    await data.transactions.insert({ account_id: other, cents: 5n }, { idempotencyKey });
    expect(await count()).toBe(2);
  });

  it.each([
    ['COMMIT, and finds out that it was applied', /^commit$/i],
    ['its INSERT, and is sent again, for nothing was committed', /^insert into `transactions`/i],
  ])('stores one row although the reply is lost to %s', async (_, statement) => {
    const dropped = proxy.dropReplyTo(statement);
    const row = await data.transactions.insert(
      { account_id: account, cents: 5n },
      { idempotencyKey: newKey() },
    );
    await dropped.happened;
    expect(await data.transactions.get(row.id)).toEqual(row);
    expect(await count()).toBe(1);
  });

  it('gives a new owner the same place each time, so that it meets its own key', async () => {
    const idempotencyKey = newKey();
    const ada = { country: 'DE', name: 'Ada' };
    const rows = await Promise.all([1, 2, 3].map(() => data.users.insert(ada, { idempotencyKey })));
    expect(new Set(rows.map(({ id }) => id)).size).toBe(1);
    expect(await data.users.insert(ada, { idempotencyKey })).toEqual(rows[0]);
  });

  it('returns the row as it is now, and says so when it is gone', async () => {
    const idempotencyKey = newKey();
    const ada = { country: 'DE', name: 'Ada' };
    const { id } = await data.users.insert(ada, { idempotencyKey });
    await data.users.update(id, { name: 'Ada L.' });
    expect(await data.users.insert(ada, { idempotencyKey })).toMatchObject({ id, name: 'Ada L.' });
    await data.users.delete(id);
    expect(await failureOf(data.users.insert(ada, { idempotencyKey }))).toMatchObject({
      code: 'MERIDIAN_IDEMPOTENCY_CONFLICT',
      reason: 'row-gone',
    });
  });

  it('meets its key before it calls its own unique value a duplicate', async () => {
    const idempotencyKey = newKey();
    const member = { country: 'DE', phone: '+49 30 123' };
    const first = await data.members.insert(member, { idempotencyKey });
    expect(await data.members.insert(member, { idempotencyKey })).toEqual(first);
    expect(
      await failureOf(data.members.insert(member, { idempotencyKey: newKey() })),
    ).toMatchObject({
      code: 'MERIDIAN_DUPLICATE_KEY',
    });
    expect(await data.members.by('phone', member.phone).get()).toEqual(first);
  });

  it('is known where its owner has moved to', async () => {
    const ada = await data.users.insert({ country: 'DE', name: 'Ada' });
    const idempotencyKey = newKey();
    const home = { user_id: ada.id, city: 'Berlin' };
    const first = await data.addresses.insert(home, { idempotencyKey });
    await data.users.relocate(ada.id, { country: 'US' }, { set: { country: 'US' } });
    expect(await count('us-1', 'addresses')).toBe(1);
    expect(await data.addresses.insert(home, { idempotencyKey })).toEqual(first);
    expect(await count('us-1', 'addresses')).toBe(1);
    expect(await count('eu-1', 'addresses')).toBe(0);
  });

  it("is in nobody's way: what a call asked where its owner had left keeps the owner from no return", async () => {
    const ada = await data.users.insert({ country: 'DE', name: 'Ada' });
    await data.users.relocate(ada.id, { country: 'US' });
    await cluster.sql(
      'eu-1',
      `INSERT INTO meridian_idempotency (token, owner, locator, operation, attempt, outcome)
        VALUES (RANDOM_BYTES(16), ?, 0, RANDOM_BYTES(16), RANDOM_BYTES(16), 'aborted')`,
      [Buffer.from(ada.id.replaceAll('-', ''), 'hex')],
    );
    expect(await data.users.relocate(ada.id, { country: 'DE' })).toMatchObject({ to: 'eu' });
  });

  it('A5: belongs to the owner: the id of a row in its place is refused, before and after a move', async () => {
    const ada = await data.users.insert({ country: 'DE', name: 'Ada' });
    const home = await data.addresses.insert({ user_id: ada.id, city: 'Berlin' });
    const idempotencyKey = newKey();
    const refund = (id: string) =>
      data.addresses.at(id).transaction(
        async (trx) => {
          await trx.addresses.update(home.id, { city: 'Bonn' });
          await trx.addresses.insert({ user_id: ada.id, city: 'Köln' });
          return 'refunded';
        },
        { idempotencyKey },
      );
    const refusal = { code: 'MERIDIAN_ROUTING', context: { column: 'user_id' } };
    expect(await failureOf(refund(home.id))).toMatchObject(refusal);
    expect(await failureOf(data.addresses.at(home.id).list())).toMatchObject(refusal);
    expect(await refund(ada.id)).toBe('refunded');
    const fresh = data.addresses.newId({ user_id: ada.id, city: 'Ulm' });
    const begun = data.addresses
      .at(fresh)
      .transaction((trx) => trx.addresses.insert({ id: fresh, user_id: ada.id, city: 'Ulm' }), {
        idempotencyKey: newKey(),
      });
    expect(await failureOf(begun)).toMatchObject(refusal);
    await data.users.relocate(ada.id, { country: 'US' }, { set: { country: 'US' } });
    expect(await failureOf(refund(home.id))).toMatchObject(refusal);
    expect(await refund(ada.id)).toBe('refunded');
    expect(await data.addresses.at(ada.id).list()).toHaveLength(2);
    expect(await data.addresses.at(ada.id).list()).toHaveLength(2);
  });

  it('refuses what is no key', async () => {
    for (const idempotencyKey of ['', 'x'.repeat(256)]) {
      const error = await failureOf(
        data.transactions.insert({ account_id: account, cents: 1n }, { idempotencyKey }),
      );
      expect(error).toMatchObject({ code: 'MERIDIAN_CONFIG' });
    }
  });
});

describe('a transaction with a key', () => {
  const pay = (idempotencyKey: string, cents = 7n, payload?: unknown) =>
    data.transactions.at(account).transaction(
      async (trx) => {
        const { id } = await trx.transactions.insert({ account_id: account, cents });
        return { id, cents, at: new Date(0) };
      },
      { idempotencyKey, payload },
    );

  it('is applied once, and a repetition returns what the first one did', async () => {
    const key = newKey();
    const first = await pay(key);
    expect(await pay(key)).toEqual(first);
    expect(await count()).toBe(1);
  });

  it('lets one of many callers through, and tells the others', async () => {
    const key = newKey();
    const results = await Promise.all(Array.from({ length: 8 }, () => pay(key)));
    expect(new Set(results.map(({ id }) => id)).size).toBe(1);
    expect(await count()).toBe(1);
  });

  it('refuses another payload', async () => {
    const key = newKey();
    await pay(key, 7n, { cents: 7n, to: 'bob' });
    await pay(key, 7n, { to: 'bob', cents: 7n });
    expect(await failureOf(pay(key, 7n, { cents: 8n, to: 'bob' }))).toBeInstanceOf(
      IdempotencyConflictError,
    );
  });

  it('that failed leaves its key free', async () => {
    const key = newKey();
    const error = await failureOf(
      data.transactions.at(account).transaction(
        async (trx) => {
          await trx.transactions.insert({ account_id: account, cents: 1n });
          throw new Error('no stock');
        },
        { idempotencyKey: key },
      ),
    );
    expect(error).toMatchObject({ message: 'no stock' });
    await pay(key);
    expect(await count()).toBe(1);
  });

  it('finds out what became of a COMMIT whose reply was lost', async () => {
    const dropped = proxy.dropNextCommitReply();
    const first = await pay('lost-once');
    await dropped.happened;
    expect(await count()).toBe(1);
    expect(await pay('lost-once')).toEqual(first);
  });

  it('is told that nothing was applied when the server rolled it back', async () => {
    let runs = 0;
    const error = await failureOf(
      data.transactions.at(account).transaction(
        async (trx) => {
          runs++;
          await trx.transactions.insert({ account_id: account, cents: 1n });
          // The COMMIT does not arrive: the connection ends with it.
          const cut = proxy.cutAfter(1, 'toServer');
          const heal = () => (proxy.connections === 0 ? cut.undo() : setImmediate(heal));
          heal();
        },
        { idempotencyKey: newKey() },
      ),
    );
    expect(error).toMatchObject({ outcome: 'not-applied', retryable: true });
    expect(runs).toBe(1);
    expect(await count()).toBe(0);
  });

  it('is not told that it was applied when another call with its key was', async () => {
    const { data: direct } = await cluster.openWith(tables, {
      directory: { keyspace: 'ledger', keys: ['a key for the tests of keys'] },
    });
    const key = newKey();
    const payload = 'the same';
    let other: Promise<unknown> = Promise.resolve();
    const lost = await failureOf(
      data.transactions.at(account).transaction(
        async (trx) => {
          await trx.transactions.insert({ account_id: account, cents: 1n });
          // Waits for this one, and goes on when it is rolled back.
          other = direct.transactions.at(account).transaction(
            async (second) => {
              await second.transactions.insert({ account_id: account, cents: 2n });
              return 'the other';
            },
            { idempotencyKey: key, payload },
          );
          await expect
            .poll(() => cluster.running('tx-1', 'INSERT INTO meridian_idempotency%'))
            .toBe(1);
          const cut = proxy.cutAfter(1, 'toServer');
          const heal = () => (proxy.connections === 0 ? cut.undo() : setImmediate(heal));
          heal();
          return 'the lost one';
        },
        { idempotencyKey: key, payload },
      ),
    );
    expect(await other).toBe('the other');
    expect(lost).toMatchObject({ outcome: 'not-applied', retryable: true });
    const rows = await cluster.sql('tx-1', 'SELECT cents FROM transactions');
    expect(rows.map(({ cents }) => Number(cents))).toEqual([2]);
  });

  it('many callers that meet an aborted one at once apply it once, and all are told the same', async () => {
    for (let round = 0; round < 5; round++) {
      const key = newKey();
      await pay(key);
      await cluster.sql(
        'tx-1',
        "UPDATE meridian_idempotency SET outcome = 'aborted', result = NULL",
      );
      await cluster.sql('tx-1', 'DELETE FROM transactions');
      const results = await Promise.all(Array.from({ length: 8 }, () => pay(key)));
      expect(new Set(results.map(({ id }) => id)).size).toBe(1);
      expect(await count()).toBe(1);
    }
  });

  it('is unknown when its caller leaves while it is found out', async () => {
    const leaving = new AbortController();
    const { data: narrow, events } = await cluster.openWith(tables, {
      topology: cluster.topology({ 'tx-1': proxy.urlFor(cluster.url('tx-1')) }),
      directory: { keyspace: 'ledger', keys: ['a key for the tests of keys'] },
      // No other connection that is open already.
      pool: { connections: 1 },
    });
    const error = await failureOf(
      narrow.transactions.at(account).transaction(
        async (trx) => {
          await trx.transactions.insert({ account_id: account, cents: 1n });
          // The reply is lost, and nobody can be asked: he leaves when that was tried.
          proxy.refuse();
          const dropped = proxy.dropNextCommitReply();
          const leave = () => {
            const wasTried = events.some(({ type }) => type === 'retry');
            if (wasTried) leaving.abort();
            else setImmediate(leave);
          };
          dropped.happened.then(leave, () => undefined);
        },
        { idempotencyKey: newKey(), signal: leaving.signal },
      ),
    );
    expect(error).toMatchObject({ outcome: 'unknown' });
  });

  it('waits for the transaction whose reply was lost while it is still open', async () => {
    // The COMMIT is held by the network: the server's transaction stays open until it arrives.
    const key = newKey();
    const hole = { undo: () => {} };
    const first = data.transactions.at(account).transaction(
      async (trx) => {
        await trx.transactions.insert({ account_id: account, cents: 1n });
        hole.undo = proxy.blackHole().undo;
      },
      { idempotencyKey: key, timeoutMs: 700 },
    );
    const error = await failureOf(first);
    expect(error).toMatchObject({ outcome: 'unknown' });
    const again = pay(key, 1n);
    hole.undo();
    expect(await again).toBeUndefined();
    expect(await count()).toBe(1);
  });

  it('without a key is unknown after a lost reply, and not run again', async () => {
    const dropped = proxy.dropNextCommitReply();
    let runs = 0;
    const error = await failureOf(
      data.transactions.at(account).transaction(
        async (trx) => {
          runs++;
          await trx.transactions.insert({ account_id: account, cents: 1n });
        },
        { retries: 5 },
      ),
    );
    await dropped.happened;
    expect(error).toBeInstanceOf(UnknownOutcomeError);
    expect(runs).toBe(1);
  });

  it('gives back every kind of plain value, and refuses others before COMMIT', async () => {
    const run = (idempotencyKey: string, value: unknown) =>
      data.transactions.at(account).transaction(
        async (trx) => {
          await trx.query('SELECT 1');
          return value;
        },
        { idempotencyKey },
      );
    const values = [undefined, null, 0, 'text', 7n, new Date(5), { deep: [1n, undefined] }, []];
    for (const value of values) {
      const key = newKey();
      expect(await run(key, value)).toEqual(value);
      expect(await run(key, 'something else')).toEqual(value);
    }
    const key = newKey();
    expect(await failureOf(run(key, () => 1))).toMatchObject({ code: 'MERIDIAN_CONFIG' });
    expect(await run(key, 'free again')).toBe('free again');
    expect(await failureOf(run(newKey(), 'x'.repeat(1024 * 1024)))).toMatchObject({
      code: 'MERIDIAN_CONFIG',
    });
  });
});

it('keys are forgotten when they are old, and not before', async () => {
  // As if no service had wanted them for longer.
  for (const shard of shardNames) {
    await cluster.sql(shard, "DELETE FROM meridian_facts WHERE fact = 'idempotency/keepMs'");
  }
  const { data: other } = await cluster.openWith(tables, {
    idempotency: { keepMs: 60_000, sweepMs: 0 },
    directory: { keyspace: 'ledger', keys: ['a key for the tests of keys'] },
  });
  const idempotencyKey = newKey();
  const row = { account_id: account, cents: 5n };
  await other.transactions.insert(row, { idempotencyKey });
  await other.idempotency.sweep();
  await other.transactions.insert(row, { idempotencyKey });
  expect(await count()).toBe(1);
  await cluster.sql(
    'tx-1',
    'UPDATE meridian_idempotency SET settled_at = settled_at - INTERVAL 61 SECOND',
  );
  const { forgotten } = await other.idempotency.sweep();
  expect(forgotten).toBeGreaterThan(0);
  expect(await count('tx-1', 'meridian_idempotency')).toBe(0);
  await other.transactions.insert(row, { idempotencyKey });
  expect(await count()).toBe(2);
});

it('neither keys nor rows are in the table of keys', async () => {
  await data.users.insert({ country: 'DE', name: 'Secret Name' }, { idempotencyKey: 'secret-key' });
  for (const shard of ['eu-1', 'us-1'] as const) {
    const rows = await cluster.sql(shard, 'SELECT * FROM meridian_idempotency');
    expect(JSON.stringify(rows.map((row) => ({ ...row, result: String(row.result) })))).not.toMatch(
      /secret/i,
    );
  }
});
