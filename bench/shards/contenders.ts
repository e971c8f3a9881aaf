import { createDataLayer } from 'meridian';
import { createPool, type RowDataPacket } from 'mysql2/promise';
import { type Stock, tables, topologyOf } from './stock.ts';

/** What is measured. A key is an index, which wraps round. */
export interface Contender {
  read(key: number): Promise<unknown>;
  insert(key: number): Promise<unknown>;
  transaction(key: number): Promise<unknown>;
  scatter(): Promise<unknown>;
}

const connections = 32;
const readSql = 'SELECT id, country, name, created_at FROM users WHERE id = ?';
const insertSql =
  'INSERT INTO transactions (id, account_id, cents, created_at) VALUES (?, ?, ?, ?)';
const updateSql = 'UPDATE transactions SET cents = cents - 200 WHERE id = ? AND account_id = ?';
const firstSql =
  'SELECT id, account_id, cents, created_at FROM transactions ORDER BY cents LIMIT 100';

function at<T>(list: readonly T[], key: number): T {
  const item = list[key % list.length];
  if (item === undefined) throw new Error('the stock is empty');
  return item;
}

/** What a service would write by hand: a pool a shard. */
export function byHand({ urls, users, accounts }: Stock): Contender {
  const pools = urls.map((uri) =>
    createPool({ uri, connectionLimit: connections, supportBigNumbers: true, timezone: 'Z' }),
  );
  return {
    async read(key) {
      const { id, shard } = at(users, key);
      return at(pools, shard).execute(readSql, [id]);
    },
    async insert(key) {
      const { id, shard } = at(accounts, key);
      const row = [crypto.randomUUID(), id, '1234', new Date()];
      return at(pools, shard).execute(insertSql, row);
    },
    async transaction(key) {
      const { id, shard } = at(accounts, key);
      const own = crypto.randomUUID();
      const connection = await at(pools, shard).getConnection();
      try {
        await connection.beginTransaction();
        await connection.execute(insertSql, [own, id, '1234', new Date()]);
        await connection.execute(updateSql, [own, id]);
        await connection.commit();
      } catch (error) {
        await connection.rollback();
        throw error;
      } finally {
        connection.release();
      }
    },
    async scatter() {
      const parts = await Promise.all(pools.map((pool) => pool.execute<RowDataPacket[]>(firstSql)));
      const rows = parts.flatMap(([some]) => some);
      return rows.sort((a, b) => Number(a.cents) - Number(b.cents)).slice(0, 100);
    },
  };
}

export async function meridian({ urls, users, accounts }: Stock): Promise<Contender> {
  const data = await createDataLayer({
    topology: topologyOf(urls),
    tables,
    redis: false,
    systemTables: 'create',
    pool: { connections },
    timeoutMs: 30_000,
    logger: false,
  });
  const newRow = (account_id: string) => ({ account_id, cents: 1_234n, created_at: new Date() });
  return {
    read: (key) => data.users.get(at(users, key).id),
    insert: (key) => data.transactions.insert(newRow(at(accounts, key).id)),
    transaction(key) {
      const { id: account } = at(accounts, key);
      return data.transactions.at(account).transaction(async (trx) => {
        const { id } = await trx.transactions.insert(newRow(account));
        await trx.execute(updateSql, [id, account]);
      });
    },
    scatter: () =>
      data.transactions.everywhere.query(firstSql, [], {
        merge: { orderBy: [['cents', 'asc']], limit: 100 },
      }),
  };
}
