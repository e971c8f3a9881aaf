import { type DataLayer, defineTable, uuidToBytes } from 'meridian';
import { z } from 'zod';

const owned = { keyspace: 'ledger', primaryKey: 'id', shardKey: 'owner' } as const;

/** Each owner has two accounts; what they hold together never changes. */
export const tables = {
  accounts: defineTable({
    ...owned,
    name: 'accounts',
    schema: z.object({ id: z.uuid(), owner: z.string(), cents: z.int() }),
    columns: { id: 'uuid-binary' },
  }),
  /** What was moved, with the label of the operation that did it: so it can be told how often. */
  transfers: defineTable({
    ...owned,
    name: 'transfers',
    schema: z.object({ id: z.uuid(), owner: z.string(), label: z.string(), cents: z.int() }),
    columns: { id: 'uuid-binary' },
  }),
};

export const ddl = [
  'CREATE TABLE accounts (id BINARY(16) PRIMARY KEY, owner VARCHAR(40) NOT NULL, cents BIGINT NOT NULL, KEY (owner))',
  'CREATE TABLE transfers (id BINARY(16) PRIMARY KEY, owner VARCHAR(40) NOT NULL, label VARCHAR(40) NOT NULL, cents BIGINT NOT NULL, KEY (owner))',
];

export type Bank = DataLayer<typeof tables>;

export interface Owner {
  readonly name: string;
  readonly accounts: readonly [string, string];
}

/** What an owner's two accounts hold together. */
export const wealth = 2_000;

export async function openAccounts(bank: Bank, owners: number): Promise<Owner[]> {
  const opened: Owner[] = [];
  for (let number = 0; number < owners; number++) {
    const name = `owner-${number}`;
    const [a, b] = await bank.accounts.insertMany([
      { owner: name, cents: wealth / 2 },
      { owner: name, cents: wealth / 2 },
    ]);
    if (a === undefined || b === undefined) throw new TypeError('two rows were stored');
    opened.push({ name, accounts: [a.id, b.id] });
  }
  return opened;
}

export interface Transfer {
  readonly label: string;
  readonly owner: Owner;
  readonly cents: number;
  /** From the second account to the first: with others the other way round, they meet in a deadlock. */
  readonly isBackwards: boolean;
}

/** One transfer, in three statements. */
export function transfer(
  bank: Bank,
  { label, owner, cents, isBackwards }: Transfer,
  options: { idempotencyKey?: string; retries?: number; timeoutMs: number },
): Promise<void> {
  const [from, to] = isBackwards ? owner.accounts.toReversed() : owner.accounts;
  if (from === undefined || to === undefined) throw new TypeError('an owner has two accounts');
  return bank.accounts.at(owner.name).transaction(async (trx) => {
    await trx.execute(statements.take, [cents, uuidToBytes(from)]);
    await trx.execute(statements.give, [cents, uuidToBytes(to)]);
    await trx.transfers.insert({ owner: owner.name, label, cents });
  }, options);
}

const statements = {
  take: 'UPDATE accounts SET cents = cents - ? WHERE id = ?',
  give: 'UPDATE accounts SET cents = cents + ? WHERE id = ?',
};
