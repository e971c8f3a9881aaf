import type { NewRow } from 'meridian';
import { z } from 'zod';
import { notFound, Problem } from '../platform/problem.ts';
import type { Ledger, transactions } from './tables.ts';

/** Money that comes to an account, or leaves it when `cents` is negative. */
export type Entry = Omit<NewRow<typeof transactions>, 'id' | 'at'>;

const balance = z.object({ cents: z.coerce.number() });

/** @throws {Problem} when the account is not the owner's, or does not hold as much. */
export async function enter(trx: Ledger, entry: Entry): Promise<string> {
  const { account_id, owner_id } = entry;
  const [account] = await trx.query(
    'SELECT cents FROM accounts WHERE id = ? AND owner_id = ? FOR UPDATE',
    [account_id, owner_id],
    { schema: balance },
  );
  if (account === undefined) throw notFound('account');
  const cents = account.cents + entry.cents;
  if (cents < 0) throw new Problem(409, 'too-little', 'There is not enough in the account');
  await trx.accounts.update(account_id, { cents });
  const { id } = await trx.transactions.insert({ ...entry, at: new Date() });
  return id;
}

/** Locks accounts in one order always, so that no two transfers wait for each other. */
export async function hold(trx: Ledger, ids: readonly [string, string]): Promise<void> {
  await trx.query('SELECT id FROM accounts WHERE id IN (?, ?) ORDER BY id FOR UPDATE', ids);
}
