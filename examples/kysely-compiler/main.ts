import { randomUUID } from 'node:crypto';
import { createDataLayer } from 'meridian';
import { compiled, db } from './kysely.ts';
import { tables, transactions } from './tables.ts';

await using data = await createDataLayer({
  topology: 'topology.json',
  tables,
  redis: process.env.REDIS_URL ?? false,
  systemTables: 'create', // 'verify' in production
});

const account = randomUUID();
await data.transactions.insertMany([
  { account_id: account, cents: 4_200n },
  { account_id: account, cents: 99n },
  { account_id: randomUUID(), cents: 7_000n },
]);

// On the one shard where the account lives. With a schema, rows have types and their values the types' forms.
const large = db
  .selectFrom('transactions')
  .select(['id', 'cents'])
  .where('account_id', '=', account)
  .where('cents', '>', 1_000n);
const { schema } = transactions;
const listed = await data.transactions
  .at(account)
  .query(...compiled(large), { schema: schema.pick({ id: true, cents: true }) });
console.log(listed.map(({ cents }) => cents)); // [ 4200n ]

// In a transaction: the account among the parameters says whose rows are changed.
const fee = db
  .updateTable('transactions')
  .set((row) => ({ cents: row('cents', '-', 1n) }))
  .where('account_id', '=', account);
const changed = await data.transactions
  .at(account)
  .transaction((trx) => trx.execute(...compiled(fee)));
console.log(changed.affected); // 2

// On every shard: the merge has the ORDER BY and the LIMIT of the statement.
const top = db
  .selectFrom('transactions')
  .select(['account_id', 'cents'])
  .orderBy('cents', 'desc')
  .limit(2);
const largest = await data.transactions.everywhere.query(...compiled(top), {
  schema: schema.pick({ account_id: true, cents: true }),
  merge: { orderBy: [['cents', 'desc']], limit: 2 },
});
console.log(largest.map(({ cents }) => cents)); // [ 7000n, 4199n ]
