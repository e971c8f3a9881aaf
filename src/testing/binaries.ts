import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { TestingError } from './testing-error.ts';

export type MysqlFlavor = 'mariadb' | 'mysql';

export interface MysqlBinary {
  readonly file: string;
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
 * The MariaDB or MySQL server of this machine, or `undefined`.
 *
 * @throws TestingError when there is one that does not run.
 */
export async function findMysql(): Promise<MysqlBinary | undefined> {
  const file = await findBinary('mariadbd', 'mysqld');
  if (file === undefined) return undefined;
  // Distributions install MariaDB under both names, so only the answer tells which one it is.
  const asked = promisify(execFile)(file, ['--no-defaults', '--version']);
  const { stdout } = await asked.catch((cause: unknown) => {
    throw new TestingError(`'${file}' is here, but does not run.`, { cause });
  });
  const flavor = /mariadb/i.test(stdout) ? 'mariadb' : 'mysql';
  return { file, flavor, version: stdout.trim() };
}

/** The Redis server of this machine, or `undefined`. */
export function findRedis(): Promise<string | undefined> {
  return findBinary('redis-server', 'valkey-server');
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

async function isExecutable(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error) return false;
    throw error;
  }
}
