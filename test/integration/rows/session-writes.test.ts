import { type DataLayer, type Session, UnknownOutcomeError } from 'meridian';
import type { ChaosProxy } from 'meridian/testing';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { accountOn, failureOf, TestCluster } from '../../support/cluster.ts';
import { gtidPattern, isMariadb } from '../../support/servers/server-flavor.ts';
import type { tables } from '../../support/tables.ts';

let cluster: TestCluster;
/** Two processes; the first one reaches tx-1 through the wire. */
let writer: DataLayer<typeof tables>;
let reader: DataLayer<typeof tables>;
let wire: ChaosProxy;
let session: Session<typeof tables>;

beforeAll(async () => {
  cluster = await TestCluster.startOwn(1);
  const { proxy, url } = await cluster.proxy('tx-1');
  wire = proxy;
  writer = (await cluster.open({ topology: cluster.topology({ 'tx-1': url }) })).data;
  reader = (await cluster.open()).data;
});

afterAll(() => cluster.stop());

beforeEach(() => {
  session = writer.session();
});

const readOnly = 'SELECT @@read_only AS readOnly';
const answeredBy = ([row]: readonly Readonly<Record<string, unknown>>[]) =>
  Number(row?.readOnly) === 1 ? 'replica' : 'primary';

const account = () => accountOn('tx-1', writer.transactions);

it('a transaction that changes something, and no other', async () => {
  const at = session.transactions.at(account());
  await at.transaction((trx) => trx.query('SELECT 1'));
  await failureOf(
    at.transaction(async (trx) => {
      await trx.transactions.insert({ account_id: account(), cents: 1n });
      throw new Error('not after all');
    }),
  );
  expect(session.token).toBeUndefined();
  await at.transaction((trx) => trx.transactions.insert({ account_id: account(), cents: 1n }));
  expect(session.token).toMatch(new RegExp(`^v1~tx-1=${gtidPattern}$`));
});

it('a refused write does not', async () => {
  const row = await writer.transactions.insert({ account_id: account(), cents: 1n });
  const error = await failureOf(session.transactions.insert(row));
  expect(error).toMatchObject({ code: 'MERIDIAN_DUPLICATE_KEY' });
  expect(session.token).toBeUndefined();
});

it.each([
  [
    'INSERT',
    (at: string) => session.transactions.insert({ account_id: at, cents: 7n }),
    () => wire.dropReplyTo(/^insert/i),
  ],
  [
    'rows of an INSERT',
    (at: string) => session.transactions.insertMany([{ account_id: at, cents: 7n }]),
    () => wire.dropReplyTo(/^insert/i),
  ],
  [
    'raw UPDATE',
    (at: string) =>
      session.transactions
        .at(at)
        .execute('UPDATE transactions SET cents = 7 WHERE account_id = ?', [at]),
    () => wire.dropReplyTo(/^update/i),
  ],
  [
    'COMMIT',
    (at: string) =>
      session.transactions
        .at(at)
        .transaction((trx) => trx.transactions.insert({ account_id: at, cents: 7n })),
    () => wire.dropNextCommitReply(),
  ],
])('%s whose reply was lost does, whatever comes later', async (_, write, lose) => {
  const at = account();
  await writer.transactions.insert({ account_id: at, cents: 1n });
  lose();
  expect(await failureOf(write(at))).toBeInstanceOf(UnknownOutcomeError);
  expect(session.token).toBe('v1~tx-1');
  const replica = { consistency: 'replica' } as const;
  const found = await reader
    .session(session.token)
    .transactions.at(at)
    .query(readOnly, [], replica);
  expect(answeredBy(found)).toBe('primary');
  await session.transactions.insert({ account_id: at, cents: 8n });
  expect(session.token).toBe('v1~tx-1');
});

it('what was done before under the same idempotency key does', async () => {
  const row = { account_id: account(), cents: 1n };
  const options = { idempotencyKey: 'a session pays once' };
  const stored = await writer.transactions.insert(row, options);
  expect(await session.transactions.insert(row, options)).toEqual(stored);
  expect(session.token).toBe('v1~tx-1');
  const pay = (at: Pick<typeof session, 'transactions'>) =>
    at.transactions
      .at(row.account_id)
      .transaction(async (trx) => (await trx.transactions.insert(row)).id, {
        idempotencyKey: 'and once in a transaction',
      });
  const paid = await pay(writer);
  session = writer.session();
  expect(await pay(session)).toBe(paid);
  expect(session.token).toBe('v1~tx-1');
});

it('a write on a server that keeps no binary log does', async () => {
  const [user] = await cluster.sql(
    'tx-2',
    "SELECT User AS name, Host AS host FROM mysql.user WHERE User = 'app'",
  );
  const right = isMariadb ? 'BINLOG ADMIN' : 'SESSION_VARIABLES_ADMIN';
  await cluster.sql('tx-2', `GRANT ${right} ON *.* TO '${user?.name}'@'${user?.host}'`);
  await cluster.sql('tx-2', "SET GLOBAL init_connect = 'SET SESSION sql_log_bin = 0'");
  const { data } = await cluster.open();
  const silent = data.session();
  const at = accountOn('tx-2', data.transactions);
  const row = await silent.transactions.insert({ account_id: at, cents: 1n });
  expect(silent.token).toBe('v1~tx-2');
  const { token } = await data.transactions.update(row.id, { cents: 2n });
  expect(token).toBe('v1~tx-2');
  await cluster.sql('tx-2', "SET GLOBAL init_connect = ''");
  const replica = { consistency: 'replica' } as const;
  expect(await reader.session(silent.token).transactions.get(row.id, replica)).toMatchObject({
    cents: 2n,
  });
});
