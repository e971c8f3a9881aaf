import type { MysqlServer } from 'meridian/testing';
import type { Result } from '../result.ts';
import { openLedger } from './ledger.ts';

const calls = 5_000;
const atOnce = 20;

/** Every write fails in a way that may be retried: how many reach the server for each that was asked for. */
export async function amplification({ url, adminUrl }: MysqlServer): Promise<Result> {
  const ledger = await openLedger(url, adminUrl);
  const executed = async () => {
    const [row] = await ledger.admin("SHOW GLOBAL STATUS LIKE 'Com_stmt_execute'");
    return Number(row?.Value);
  };
  try {
    await ledger.admin('SET GLOBAL read_only = ON');
    const before = await executed();
    let left = calls;
    let failed = 0;
    const client = async () => {
      while (left-- > 0) {
        await ledger.data.entries.insert({ owner: 'owner', label: 'never' }).catch(() => failed++);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, client));
    const factor = ((await executed()) - before) / calls;
    return {
      name: 'Statements for each call when all of them fail',
      value: `${factor.toFixed(2)} (${failed} of ${calls} failed)`,
      target: '1.1',
      met: Number(factor.toFixed(2)) <= 1.1 && failed === calls,
      figures: { factor, retries: ledger.retries },
    };
  } finally {
    await ledger.admin('SET GLOBAL read_only = OFF');
    await ledger.data.close();
  }
}
