import mysql, { type Connection } from 'mysql2';
import { readResult } from '../sql/read-result.ts';
import type { RawRow } from '../sql/sql.ts';
import { connectionOptions, type ServerAddress } from './connection-options.ts';
import { driverFault } from './driver-error.ts';

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
  const connection = mysql.createConnection(connectionOptions(address));
  // What goes wrong is told to whoever waits for a statement.
  connection.on('error', () => undefined);
  const timer = setTimeout(() => connection.destroy(), timeoutMs);
  try {
    const answers: (readonly RawRow[])[] = [];
    for (const sql of statements) answers.push(await ask(connection, sql, timeoutMs));
    return answers;
  } finally {
    clearTimeout(timer);
    connection.destroy();
  }
}

function ask(connection: Connection, sql: string, timeout: number): Promise<readonly RawRow[]> {
  return new Promise((resolve, reject) => {
    connection.query({ sql, timeout }, (error: unknown, result: unknown) => {
      if (error) reject(driverFault(error, 'sent'));
      else resolve(readResult(result, undefined).rows);
    });
  });
}
