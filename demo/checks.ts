import { z } from 'zod';
import { inBatches } from './batches.ts';
import type { Journal } from './journal.ts';
import type { Data, Payment, User } from './tables.ts';
import { regions } from './topology.ts';
import { count } from './terminal.ts';

export interface Check {
  readonly what: string;
  readonly passed: boolean;
}

/** Reads every acknowledged row back from its primary, past the cache, and compares. */
export async function checkRows(data: Data, journal: Journal): Promise<Check[]> {
  const wrong = { users: 0, payments: 0, placed: 0 };
  const fresh = { consistency: 'primary', timeoutMs: 30_000 } as const;
  await inBatches('reading users back', [...journal.users.values()], async (batch) => {
    const stored = await data.users.getMany(ids(batch), fresh);
    for (const [index, user] of batch.entries()) {
      if (!sameUser(user, stored[index], journal.unknownNames.get(user.id))) wrong.users++;
      if (data.users.explain(user.id).region !== regionBySphere(user)) wrong.placed++;
    }
    return stored;
  });
  await inBatches('reading transactions back', [...journal.payments.values()], async (batch) => {
    const stored = await data.transactions.getMany(ids(batch), fresh);
    for (const [index, payment] of batch.entries()) {
      if (!samePayment(payment, stored[index])) wrong.payments++;
    }
    return stored;
  });
  const users = count(journal.users.size);
  const payments = count(journal.payments.size);
  return [
    passed(wrong.users, `${users} acknowledged users are there, each with its last name`),
    passed(wrong.payments, `${payments} acknowledged transactions are there, to the cent`),
    passed(wrong.placed, 'every user lives in the region of the country, or else the nearest'),
  ];
}

/** Looks for the writes that nobody knows about. */
export async function findUnknown(data: Data, journal: Journal) {
  const names = [...journal.unknownNames];
  const renamed = await data.users.getMany(
    names.map(([id]) => id),
    { consistency: 'primary' },
  );
  const renames = renamed.filter((user, index) => user?.name === names[index]?.[1]).length;
  let users = 0;
  for (const { name } of journal.unknownNewcomers) users += await countNamed(data, name);
  let payments = 0;
  for (const row of journal.unknownPayments) {
    // An insert whose reply was lost has told no id: only its content can find it.
    const sql = 'SELECT cents FROM transactions WHERE account_id = ? AND cents = ? AND note = ?';
    const params = [row.account_id, row.cents, row.note];
    const found = await data.transactions.at(row.account_id).query(sql, params);
    const known = [...journal.payments.values()].filter(
      (payment) =>
        payment.account_id === row.account_id &&
        payment.cents === row.cents &&
        payment.note === row.note,
    );
    payments += found.length - known.length;
  }
  return { renames, users, payments };
}

/** The sum over all shards of what is stored, against the sum of what was acknowledged. */
export async function checkSum(data: Data, journal: Journal): Promise<Check> {
  const schema = z.object({ cents: z.bigint() });
  const sql = 'SELECT SUM(cents) AS cents FROM transactions';
  const parts = await data.transactions.everywhere.query(sql, [], { schema });
  const sum = (rows: Iterable<{ cents: bigint }>) =>
    [...rows].reduce((total, { cents }) => total + cents, 0n);
  const balance = sum(parts);
  const expected = sum(journal.payments.values());
  return {
    what: `the ledger's balance is ${balance} cents, as acknowledged`,
    passed: balance === expected || journal.unknownPayments.length > 0,
  };
}

async function countNamed(data: Data, name: string): Promise<number> {
  const sql = 'SELECT name FROM users WHERE name = ?';
  return (await data.users.everywhere.query(sql, [name])).length;
}

function passed(wrong: number, what: string): Check {
  return { what: wrong === 0 ? what : `${what}: NOT SO for ${count(wrong)}`, passed: wrong === 0 };
}

function ids(rows: readonly { readonly id: string }[]): string[] {
  return rows.map(({ id }) => id);
}

function sameUser(
  a: User,
  b: User | null | undefined,
  otherName: string | undefined,
): boolean {
  return (
    b?.country === a.country &&
    b.city === a.city &&
    b.latitude === a.latitude &&
    b.longitude === a.longitude &&
    (b.name === a.name || b.name === otherName)
  );
}

function samePayment(a: Payment, b: Payment | null | undefined): boolean {
  return b?.account_id === a.account_id && b.cents === a.cents && b.note === a.note;
}

/** Where a user belongs, worked out another way than the product does: by vectors, not haversines. */
function regionBySphere({ country, latitude, longitude }: User): string | undefined {
  const all = Object.entries(regions);
  const serving = all.find(([, { countries }]) => countries.includes(country));
  if (serving !== undefined) return serving[0];
  const here = vector(latitude, longitude);
  const cosines = all.map(([name, { location: [lat = 0, lon = 0] }]) => {
    const there = vector(lat, lon);
    return { name, cosine: here.reduce((sum, part, axis) => sum + part * (there[axis] ?? 0), 0) };
  });
  return cosines.sort((a, b) => b.cosine - a.cosine)[0]?.name;
}

function vector(latitude: number, longitude: number): number[] {
  const [phi, lambda] = [(latitude * Math.PI) / 180, (longitude * Math.PI) / 180];
  return [Math.cos(phi) * Math.cos(lambda), Math.cos(phi) * Math.sin(lambda), Math.sin(phi)];
}
