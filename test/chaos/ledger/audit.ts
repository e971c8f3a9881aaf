import mysql, { type RowDataPacket } from 'mysql2/promise';
import { type Owner, wealth } from './bank.ts';
import type { Manner, Operation } from './clients.ts';

/** What a shard's own books say, read past Meridian. */
export interface Books {
  /** How often each label was applied. */
  readonly applied: ReadonlyMap<string, number>;
  /** Cents of each account, by the hexadecimal digits of its id. */
  readonly balances: ReadonlyMap<string, number>;
  /** Transactions that are still open, though nobody is there any more. */
  readonly open: number;
}

export async function readBooks(adminUrls: readonly string[]): Promise<Books> {
  const applied = new Map<string, number>();
  const balances = new Map<string, number>();
  let open = 0;
  for (const uri of adminUrls) {
    const connection = await mysql.createConnection({ uri });
    try {
      const rows = async (sql: string) => (await connection.query<RowDataPacket[]>(sql))[0];
      for (const { label, n } of await rows(
        'SELECT label, COUNT(*) AS n FROM transfers GROUP BY label',
      )) {
        applied.set(String(label), Number(n));
      }
      for (const { id, cents } of await rows('SELECT LOWER(HEX(id)) AS id, cents FROM accounts')) {
        balances.set(String(id), Number(cents));
      }
      const [transactions] = await rows('SELECT COUNT(*) AS n FROM information_schema.innodb_trx');
      open += Number(transactions?.n);
    } finally {
      await connection.end();
    }
  }
  return { applied, balances, open };
}

/** What is wrong with the operations of clients of one manner, in words. */
export function judge(
  operations: readonly Operation[],
  { applied }: Books,
  manner: Manner,
): string[] {
  return operations
    .filter((operation) => operation.manner === manner)
    .flatMap(({ label, known }) => {
      const times = applied.get(label) ?? 0;
      const fits =
        known === 'applied' ? times === 1 : known === 'not-applied' ? times === 0 : times <= 1;
      return fits ? [] : [`${label} is ${known}, and was applied ${times} times`];
    });
}

/** Whether balances and transfers tell the same story: nothing was half done. */
export function reconcile(
  owners: readonly Owner[],
  operations: readonly Operation[],
  { applied, balances }: Books,
): string[] {
  return owners.flatMap(({ name, accounts }) => {
    const [a = Number.NaN, b = Number.NaN] = accounts.map((id) =>
      balances.get(id.replaceAll('-', '')),
    );
    const given = operations
      .filter(({ owner, kind }) => owner.name === name && kind === 'transfer')
      .reduce((sum, { label, cents, isBackwards }) => {
        const times = applied.get(label) ?? 0;
        return sum + (isBackwards ? -cents : cents) * times;
      }, 0);
    const problems: string[] = [];
    if (a + b !== wealth) problems.push(`${name} holds ${a + b}, not ${wealth}`);
    if (a !== wealth / 2 - given) problems.push(`${name}'s transfers and balances differ`);
    return problems;
  });
}
