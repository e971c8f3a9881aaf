import type { Journal } from './journal.ts';
import { type Data, transactions, users } from './tables.ts';

/**
 * Looks for the writes whose replies were lost. What is found is as good as acknowledged from then
 * on. An insert without a reply has told no id, so only what it wrote can find it.
 */
export async function settleUnknown(
  data: Data,
  journal: Journal,
): Promise<{ readonly asked: number; readonly found: number }> {
  const { unknownNames, unknownNewcomers, unknownPayments } = journal;
  let found = 0;
  for (const [id, name] of unknownNames) {
    const user = await data.users.get(id, { consistency: 'primary' });
    if (user?.name !== name) continue;
    journal.keepName(id, name);
    found++;
  }
  for (const { name } of unknownNewcomers) {
    const sql = 'SELECT * FROM users WHERE name = ?';
    for (const user of await data.users.everywhere.query(sql, [name], { schema: users.schema })) {
      journal.keepUser(user);
      found++;
    }
  }
  for (const { account_id, note } of unknownPayments) {
    const sql = 'SELECT * FROM transactions WHERE account_id = ? AND note = ?';
    const account = data.transactions.at(account_id);
    for (const payment of await account.query(sql, [account_id, note], {
      schema: transactions.schema,
    })) {
      journal.keepPayment(payment);
      found++;
    }
  }
  return {
    asked: unknownNames.size + unknownNewcomers.length + unknownPayments.length,
    found,
  };
}
