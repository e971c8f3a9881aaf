import { delimiter, join } from 'node:path';
import {
  type Executable,
  isExecutable,
  locationOf,
  programAt,
  type ServerLocation,
  versionOf,
} from '../mysql/server-location.ts';
import { TestingError } from '../testing-error.ts';

export type MysqlFlavor = 'mariadb' | 'mysql';

export interface MysqlBinary extends Executable {
  readonly flavor: MysqlFlavor;
  /** What the server says of itself; part of the key of the cached data directory. */
  readonly version: string;
}

/** Servers live in `sbin`, which the PATH of an ordinary user often lacks. */
const serverFolders = [
  '/usr/sbin',
  '/usr/local/sbin',
  '/usr/local/bin',
  '/usr/libexec',
  '/usr/local/mysql/bin',
  '/opt/homebrew/bin',
];

/** Where the executable of that name is, or `undefined`. */
export async function findBinary(...names: readonly string[]): Promise<string | undefined> {
  const path = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  for (const name of names) {
    for (const folder of [...path, ...serverFolders]) {
      const file = join(folder, name);
      if (await isExecutable(file)) return file;
    }
  }
  return undefined;
}

/**
 * The MariaDB or MySQL server that was given, else that of `MERIDIAN_TEST_MYSQL`, else that of this
 * machine, or `undefined`.
 *
 * @throws TestingError when there is one that does not run.
 */
export async function findMysql(given?: ServerLocation): Promise<MysqlBinary | undefined> {
  const program = await findProgram(given, 'MERIDIAN_TEST_MYSQL', 'mariadbd', 'mysqld');
  if (program === undefined) return undefined;
  // Distributions install MariaDB under both names, so only the answer tells which one it is.
  const version = await versionOf(program, '--no-defaults');
  return { ...program, flavor: /mariadb/i.test(version) ? 'mariadb' : 'mysql', version };
}

/** The Redis or Valkey server that was given, else that of `MERIDIAN_TEST_REDIS`, else of this machine. */
export function findRedis(given?: ServerLocation): Promise<Executable | undefined> {
  return findProgram(given, 'MERIDIAN_TEST_REDIS', 'redis-server', 'valkey-server');
}

async function findProgram(
  given: ServerLocation | undefined,
  variable: string,
  ...names: readonly string[]
): Promise<Executable | undefined> {
  const location = await locationOf(given, variable);
  if (location !== undefined) return programAt(location, ...names);
  const file = await findBinary(...names);
  return file === undefined ? undefined : { file, leading: [] };
}

/** @throws TestingError that says what to install. */
export function missingBinary(what: 'mysql' | 'redis'): TestingError {
  const [names, debian] =
    what === 'mysql'
      ? ["'mariadbd' or 'mysqld'", 'mariadb-server']
      : ["'redis-server'", 'redis-server'];
  return new TestingError(
    `No ${names} was found on PATH or in the usual server folders.\n` +
      `Install it (Debian, Ubuntu: apt-get install ${debian}) or start a Docker engine.`,
  );
}
