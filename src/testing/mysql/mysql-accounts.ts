import { randomBytes } from 'node:crypto';
import { isThisMachine } from '../../tls/this-machine.ts';
import type { MysqlFlavor } from '../runners/binaries.ts';

/** The users of a cluster's MySQL servers; made anew for each cluster. */
export interface MysqlAccounts {
  readonly database: string;
  readonly app: Account;
  readonly admin: Account;
  readonly replication: Account;
}

interface Account {
  readonly user: string;
  readonly password: string;
}

/** The primary a replica follows. */
export interface ReplicationSource {
  readonly host: string;
  readonly port: number;
}

export function newAccounts(database: string): MysqlAccounts {
  return {
    database,
    app: newAccount('app'),
    admin: newAccount('admin'),
    replication: newAccount('replication'),
  };
}

/** What an application and a test connect to. */
export function mysqlUrls(
  { app, admin, database }: MysqlAccounts,
  host: string,
  port: number,
): { readonly url: string; readonly adminUrl: string } {
  const url = ({ user, password }: Account) =>
    `mysql://${user}:${password}@${host}:${port}/${database}${isThisMachine(host) ? '' : '?tls=off'}`;
  return { url: url(app), adminUrl: url(admin) };
}

/** What a fresh server is told first. Each statement may run twice. */
export function firstStatements(
  flavor: MysqlFlavor,
  accounts: MysqlAccounts,
  follows: ReplicationSource | undefined,
): string[] {
  return [
    ...setupStatements(flavor, accounts),
    ...(follows ? followStatements(flavor, accounts, follows) : []),
  ];
}

/** They stay out of the binary log: a replica makes its own, and a GTID position starts empty. */
function setupStatements(flavor: MysqlFlavor, accounts: MysqlAccounts): string[] {
  const { database, app, admin, replication } = accounts;
  const create = ({ user, password }: Account) =>
    `CREATE USER IF NOT EXISTS '${user}'@'%' IDENTIFIED BY '${password}'`;
  const watchReplication =
    flavor === 'mariadb' ? 'SLAVE MONITOR, BINLOG MONITOR' : 'REPLICATION CLIENT';
  return [
    'SET sql_log_bin = 0',
    `CREATE DATABASE IF NOT EXISTS \`${database}\` CHARACTER SET utf8mb4`,
    create(app),
    `GRANT ALL ON \`${database}\`.* TO '${app.user}'@'%'`,
    `GRANT ${watchReplication} ON *.* TO '${app.user}'@'%'`,
    create(admin),
    `GRANT ALL ON *.* TO '${admin.user}'@'%' WITH GRANT OPTION`,
    create(replication),
    `GRANT REPLICATION SLAVE ON *.* TO '${replication.user}'@'%'`,
  ];
}

function followStatements(
  flavor: MysqlFlavor,
  { replication }: MysqlAccounts,
  source: ReplicationSource,
): string[] {
  const { host, port } = source;
  const { user, password } = replication;
  // A primary that was killed is back within a second or so in tests; the default retry is a minute.
  return flavor === 'mariadb'
    ? [
        'STOP SLAVE',
        `CHANGE MASTER TO MASTER_HOST='${host}', MASTER_PORT=${port}, MASTER_USER='${user}', ` +
          `MASTER_PASSWORD='${password}', MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1`,
        'START SLAVE',
      ]
    : [
        'STOP REPLICA',
        `CHANGE REPLICATION SOURCE TO SOURCE_HOST='${host}', SOURCE_PORT=${port}, ` +
          `SOURCE_USER='${user}', SOURCE_PASSWORD='${password}', SOURCE_AUTO_POSITION=1, ` +
          'SOURCE_CONNECT_RETRY=1, GET_SOURCE_PUBLIC_KEY=1',
        'START REPLICA',
      ];
}

/** The text of an `--init-file`: one statement a line. */
export function initFile(statements: readonly string[]): string {
  return statements.map((statement) => `${statement};\n`).join('');
}

function newAccount(user: string): Account {
  return { user, password: randomBytes(12).toString('hex') };
}
