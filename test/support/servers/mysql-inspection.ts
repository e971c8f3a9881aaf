import mysql, { type Connection, type RowDataPacket } from 'mysql2/promise';
import { database } from './standard.ts';
import { until } from './until.ts';

/** Settings that a server changes by itself while it works. */
const living =
  /^(gtid_|innodb_buffer_pool_(load|dump)|last_|rand_seed|timestamp|server_uuid|pseudo_)/i;

/** One MySQL server of a seat: empties it for a file, and tells what the file changed of it. */
export class MysqlInspection {
  readonly #name: string;
  readonly #url: string;
  readonly #settings: ReadonlyMap<string, string>;
  readonly #users: readonly string[];

  private constructor(
    name: string,
    url: string,
    settings: ReadonlyMap<string, string>,
    users: readonly string[],
  ) {
    this.#name = name;
    this.#url = url;
    this.#settings = settings;
    this.#users = users;
  }

  static begin(name: string, url: string): Promise<MysqlInspection> {
    return connected(
      url,
      async (admin) =>
        new MysqlInspection(name, url, await settingsOf(admin), await usersOf(admin)),
    );
  }

  /** Drops every database and user that a file made, and makes the application's database anew. */
  empty(): Promise<void> {
    return connected(this.#url, async (admin) => {
      for (const name of await databasesOf(admin)) await admin.query('DROP DATABASE ??', [name]);
      await admin.query('CREATE DATABASE ?? CHARACTER SET utf8mb4', [database]);
      for (const user of await usersOf(admin)) {
        if (!this.#users.includes(user)) await admin.query(`DROP USER ${user}`);
      }
    });
  }

  differences(): Promise<string[]> {
    return connected(this.#url, async (admin) => {
      const left = await until(
        () => sessionsOf(admin),
        (sessions) => sessions.length === 0,
      );
      const settings = await settingsOf(admin);
      const changed = [...this.#settings].filter(([key, value]) => settings.get(key) !== value);
      return [
        ...left.map((session) => `${this.#name}: a connection is left open: ${session}`),
        ...changed.map(
          ([key, value]) => `${this.#name}: ${key} is ${settings.get(key)}, and was ${value}`,
        ),
      ];
    });
  }
}

async function connected<T>(url: string, work: (admin: Connection) => Promise<T>): Promise<T> {
  const admin = await mysql.createConnection({ uri: url, database: 'mysql' });
  try {
    return await work(admin);
  } finally {
    await admin.end();
  }
}

async function settingsOf(admin: Connection): Promise<Map<string, string>> {
  const [rows] = await admin.query<RowDataPacket[]>({
    sql: 'SHOW GLOBAL VARIABLES',
    rowsAsArray: true,
  });
  const settings = rows.map((row): [string, string] => [String(row[0]), String(row[1])]);
  return new Map(settings.filter(([name]) => !living.test(name)));
}

async function usersOf(admin: Connection): Promise<string[]> {
  const [rows] = await admin.query<RowDataPacket[]>(
    "SELECT CONCAT(QUOTE(user), '@', QUOTE(host)) AS name FROM mysql.user",
  );
  return rows.map(({ name }) => String(name));
}

async function databasesOf(admin: Connection): Promise<string[]> {
  const [rows] = await admin.query<RowDataPacket[]>({ sql: 'SHOW DATABASES', rowsAsArray: true });
  const system = ['mysql', 'information_schema', 'performance_schema', 'sys'];
  return rows.map((row) => String(row[0])).filter((name) => !system.includes(name.toLowerCase()));
}

/** Sessions of others than this connection and the server itself. */
async function sessionsOf(admin: Connection): Promise<string[]> {
  const [rows] = await admin.query<RowDataPacket[]>('SHOW FULL PROCESSLIST');
  return rows
    .filter(
      ({ Id, User }) =>
        Id !== admin.threadId && !/^(system user|event_scheduler)$/.test(String(User)),
    )
    .filter(({ Command }) => !/^(Daemon|Binlog Dump)/.test(String(Command)))
    .map(({ User, Info, Command }) => `${User}, ${Command}: ${Info}`);
}
