import type { Connection } from 'mysql2';
import { readResult } from '../sql/read-result.ts';
import type { RawRow } from '../sql/sql.ts';
import type { ServerAddress } from './connection-options.ts';
import { driverFault } from './driver-error.ts';
import { shortConnection } from './short-connection.ts';

/**
 * Asks one statement after the other, on a connection that knows of no session: the administrator of a proxy is no
 * database. Rejects with a DriverFault.
 *
 * @param timeoutMs milliseconds for all together.
 */
export async function askAdministrator(
  address: ServerAddress,
  statements: readonly string[],
  timeoutMs: number,
): Promise<readonly (readonly RawRow[])[]> {
  const { driver, cut } = shortConnection(address);
  // What goes wrong is told to whoever waits for a statement.
  driver.on('error', () => undefined);
  const late = () => cut(new Error(`no whole answer within ${timeoutMs} ms`));
  const timer = setTimeout(late, timeoutMs);
  try {
    const answers: (readonly RawRow[])[] = [];
    for (const sql of statements) answers.push(await ask(driver, sql));
    return answers;
  } finally {
    clearTimeout(timer);
    cut(new Error('Everything was asked.'));
  }
}

function ask(driver: Connection, sql: string): Promise<readonly RawRow[]> {
  return new Promise((resolve, reject) => {
    driver.query(sql, (error: unknown, result: unknown) => {
      if (error) reject(driverFault(error, 'sent'));
      else resolve(readResult(result, undefined).rows);
    });
  });
}
