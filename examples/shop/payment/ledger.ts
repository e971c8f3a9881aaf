import type { NewRow } from 'meridian';
import { notFound, Problem } from '../platform/problem.ts';
import { type Ledger, transactions } from './tables.ts';

/** Money that comes to an account, or leaves it when `cents` is negative. */
export type Entry = Omit<NewRow<typeof transactions>, 'id' | 'at'>;

/** What was entered under a name before. Who enters it meanwhile meets the unique key. */
export async function entered(trx: Ledger, owner: string, once: string) {
  const [entry] = await trx.query(
    'SELECT * FROM transactions WHERE owner_id = ? AND once = ?',
    [owner, once],
    { schema: transactions.schema },
  );
  return entry;
}

/** @throws {Problem} when the account is not the owner's, or does not hold as much. */
export async function enter(trx: Ledger, entry: Entry): Promise<string> {
  const account = await trx.accounts.get(entry.account_id, { forUpdate: true });
  if (account?.owner_id !== entry.owner_id) throw notFound('account');
  const cents = account.cents + entry.cents;
  if (cents < 0) throw new Problem(409, 'too-little', 'There is not enough in the account');
  await trx.accounts.update(account.id, { cents });
  const { id } = await trx.transactions.insert({ ...entry, at: new Date() });
  return id;
}
