import { z } from 'zod';
import { inBatches } from './batches.ts';
import type { Journal } from './journal.ts';
import { homeOf, type RowCounts } from './placement.ts';
import type { Data, Payment, User } from './tables.ts';
import { count } from './terminal.ts';
import { ledgerShards, peopleShards } from './topology.ts';

export interface Check {
  readonly what: string;
  readonly passed: boolean;
}

const fresh = { consistency: 'primary', timeoutMs: 30_000 } as const;

/** No row more and none less than was acknowledged, on each shard and so in all. */
export function checkCounts(data: Data, rows: RowCounts, { users, payments }: Journal): Check[] {
  const left: Record<string, number> = { ...rows };
  const found = (shard: string) => {
    left[shard] = (left[shard] ?? 0) - 1;
  };
  for (const id of users.keys()) found(data.users.explain(id).shard);
  for (const id of payments.keys()) found(data.transactions.explain(id).shard);
  const wrong = Object.values(left).filter((rest) => rest !== 0).length;
  const sum = (shards: readonly (keyof RowCounts)[]) =>
    shards.reduce((total, shard) => total + rows[shard], 0);
  return [
    equal('users on all shards, as acknowledged', sum(peopleShards), users.size),
    equal('transactions on all shards, as acknowledged', sum(ledgerShards), payments.size),
    equal('shards with a row too many or too few', wrong, 0),
  ];
}

/** Reads every acknowledged user back from its primary, past the cache, and compares. */
export async function checkUsers(data: Data, { users }: Journal): Promise<Check[]> {
  let differing = 0;
  let misplaced = 0;
  await inBatches('reading users back', [...users.values()], async (batch) => {
    const stored = await data.users.getMany(ids(batch), fresh);
    for (const [index, user] of batch.entries()) {
      if (!sameUser(user, stored[index])) differing++;
      if (data.users.explain(user.id).region !== homeOf(user)) misplaced++;
    }
    return stored;
  });
  return [
    equal('acknowledged users missing or different after the restart', differing, 0),
    equal('users outside the region of their country, or else the nearest', misplaced, 0),
  ];
}

/** The same for every acknowledged transaction; and the books must balance. */
export async function checkPayments(data: Data, { payments }: Journal): Promise<Check[]> {
  let differing = 0;
  await inBatches('reading transactions back', [...payments.values()], async (batch) => {
    const stored = await data.transactions.getMany(ids(batch), fresh);
    differing += batch.filter((payment, index) => !samePayment(payment, stored[index])).length;
    return stored;
  });
  const balances = await data.transactions.everywhere.each(
    'SELECT SUM(cents) AS cents FROM transactions',
    [],
    { schema: z.object({ cents: z.bigint() }) },
  );
  return [
    equal('acknowledged transactions missing or different', differing, 0),
    equal(
      'balance of the ledger in cents',
      sumOf(balances.flatMap(({ rows }) => rows)),
      sumOf(payments.values()),
    ),
  ];
}

export function equal(what: string, found: number | bigint, expected: number | bigint): Check {
  const passed = found === expected;
  return { what: `${what}: ${count(found)}${passed ? '' : ` ≠ ${count(expected)}`}`, passed };
}

function sumOf(rows: Iterable<{ readonly cents: bigint }>): bigint {
  return [...rows].reduce((total, { cents }) => total + cents, 0n);
}

function ids(rows: readonly { readonly id: string }[]): string[] {
  return rows.map(({ id }) => id);
}

function sameUser(a: User, b: User | null | undefined): boolean {
  return (
    b?.country === a.country &&
    b.city === a.city &&
    b.latitude === a.latitude &&
    b.longitude === a.longitude &&
    b.name === a.name
  );
}

function samePayment(a: Payment, b: Payment | null | undefined): boolean {
  return b?.account_id === a.account_id && b.cents === a.cents && b.note === a.note;
}
