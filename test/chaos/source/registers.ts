import mysql, { type Pool, type RowDataPacket } from 'mysql2/promise';
import { firstVersion } from '../model/history.ts';

/** What a cache holds under a key. */
export interface Register {
  readonly key: string;
  readonly version: number;
}

/** Which write made a version. */
export interface Committed {
  readonly writeId: string;
  readonly version: number;
}

interface Row extends RowDataPacket {
  readonly name: string;
  readonly version: number;
  readonly is_absent: number;
}

/**
 * The source of truth: versioned registers in one database. A key that is removed keeps its row, so
 * that its version grows on. Each commit notes which write made which version; so the fate of a write
 * whose process died is known in the end.
 */
const ddl = [
  'CREATE TABLE registers (name VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin PRIMARY KEY, version INT NOT NULL, is_absent BOOLEAN NOT NULL, write_id VARCHAR(40) NOT NULL)',
  'CREATE TABLE committed (write_id VARCHAR(40) PRIMARY KEY, version INT NOT NULL)',
  'CREATE TRIGGER note_commit AFTER UPDATE ON registers FOR EACH ROW INSERT INTO committed VALUES (NEW.write_id, NEW.version)',
];

/** Makes the tables, with all keys present in their first version. */
export async function prepareRegisters(adminUrl: string, keys: readonly string[]): Promise<void> {
  const connection = await mysql.createConnection(adminUrl);
  try {
    await connection.query('DROP TABLE IF EXISTS registers, committed');
    for (const statement of ddl) await connection.query(statement);
    const rows = keys.map((key) => [key, firstVersion, false, '']);
    await connection.query('INSERT INTO registers VALUES ?', [rows]);
  } finally {
    await connection.end();
  }
}

/** The version that each committed write made, by the write's id. */
export async function committedVersions(adminUrl: string): Promise<Map<string, number>> {
  const connection = await mysql.createConnection(adminUrl);
  try {
    const [rows] = await connection.query<(RowDataPacket & Committed)[]>(
      'SELECT write_id AS writeId, version FROM committed',
    );
    return new Map(rows.map(({ writeId, version }) => [writeId, version]));
  } finally {
    await connection.end();
  }
}

/** The registers as one worker reads and writes them. */
export class Registers {
  readonly #pool: Pool;

  constructor(url: string) {
    this.#pool = mysql.createPool({ uri: url, connectionLimit: 8 });
  }

  /** In the order of `keys`; null for a key that is absent. */
  async read(keys: readonly string[]): Promise<(Register | null)[]> {
    const [rows] = await this.#pool.query<Row[]>(
      'SELECT name, version, is_absent FROM registers WHERE name IN (?)',
      [keys],
    );
    const found = new Map(rows.map((row) => [row.name, row]));
    return keys.map((key) => {
      const row = found.get(key);
      if (row === undefined) throw new Error(`no register ${key}`);
      return row.is_absent ? null : { key, version: row.version };
    });
  }

  /** Raises the version by one; when this resolves it is committed. */
  async write(key: string, isAbsent: boolean, writeId: string): Promise<void> {
    await this.#pool.query(
      'UPDATE registers SET version = version + 1, is_absent = ?, write_id = ? WHERE name = ?',
      [isAbsent, writeId, key],
    );
  }

  close(): Promise<void> {
    return this.#pool.end();
  }
}
