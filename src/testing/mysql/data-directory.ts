import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { access, cp, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { findBinary, type MysqlBinary } from '../runners/binaries.ts';
import type { Supervisor } from '../runners/supervisor.ts';
import { TestingError } from '../testing-error.ts';
import { inRoot, runAsRoot, storageArguments } from './mysql-arguments.ts';

/**
 * A fresh data directory to copy for each server. It is made once per machine, server version and
 * set of arguments, and kept in the user's cache folder; where that cannot be written, once per
 * cluster.
 *
 * @throws TestingError when the server cannot make one.
 */
export async function dataDirectoryTemplate(
  binary: MysqlBinary,
  supervisor: Supervisor,
): Promise<string> {
  const key = createHash('sha256')
    .update(JSON.stringify([binary, initialArguments(binary)]))
    .digest('hex')
    .slice(0, 16);
  const cached = join(cacheFolder(), `mysql-data-${key}`);
  if (await exists(cached)) return cached;

  const made = join(supervisor.folder, 'template');
  await initialise(binary, made, supervisor);
  // Servers that share an identity cannot replicate from each other; without it they make one.
  await rm(join(made, 'auto.cnf'), { force: true });
  return (await publish(made, cached)) ? cached : made;
}

/** Copies the template; a copy-on-write file system shares the blocks. */
export async function copyDataDirectory(template: string, target: string): Promise<void> {
  await cp(template, target, { recursive: true, mode: constants.COPYFILE_FICLONE });
}

async function initialise(
  binary: MysqlBinary,
  folder: string,
  supervisor: Supervisor,
): Promise<void> {
  const log = join(supervisor.folder, 'template.log');
  const [file, ...args] =
    binary.flavor === 'mariadb'
      ? await mariadbInitialiser(folder, binary)
      : [
          binary.file,
          ...binary.leading,
          '--no-defaults',
          '--initialize-insecure',
          `--datadir=${folder}`,
        ];
  const initialiser = await supervisor.spawn(file, [...args, ...initialArguments(binary)], log);
  const { code, signal } = await initialiser.ended();
  if (code === 0) return;
  throw new TestingError(
    `No data directory could be made: '${file}' ended with ${signal ?? code}.\n` +
      (await readFile(log, 'utf8')).trim(),
  );
}

function initialArguments({ flavor, root }: MysqlBinary): string[] {
  return [...runAsRoot(), ...inRoot(root), ...storageArguments(flavor)];
}

async function mariadbInitialiser(
  folder: string,
  binary: MysqlBinary,
): Promise<[string, ...string[]]> {
  if (binary.root !== undefined) return mariadbBootstrap(folder, binary, binary.root);
  const script = await findBinary('mariadb-install-db', 'mysql_install_db');
  if (script === undefined) {
    throw new TestingError(
      `'${binary.file}' is here, but 'mariadb-install-db', which makes its data directory, is not.\n` +
        'Install the complete server package (Debian, Ubuntu: apt-get install mariadb-server).',
    );
  }
  return [
    script,
    '--no-defaults',
    `--datadir=${folder}`,
    '--skip-test-db',
    '--skip-name-resolve',
    // No account without a password: only the user who runs the tests, over the Unix socket.
    '--auth-root-authentication-method=socket',
  ];
}

/**
 * What `mariadb-install-db` does, in short: that of a root is a script for the machine's own programs.
 * MariaDB 10 and 11 name folder and files `mysql` and `mariadb`.
 */
function mariadbBootstrap(
  folder: string,
  { file, leading }: MysqlBinary,
  root: string,
): [string, ...string[]] {
  const script = `
    mkdir -p "$1/mysql" && { cd "$2/mariadb" 2>/dev/null || cd "$2/mysql"; } && shift 2 &&
    { printf '%s;\\n' 'CREATE DATABASE IF NOT EXISTS mysql' 'USE mysql' "SET @auth_root_socket = '$(id -un)'"
      cat m*_system_tables.sql m*_performance_tables.sql m*_system_tables_data.sql m*_sys_schema.sql
    } | "$@"`;
  return [
    'sh',
    ...['-c', script, 'sh', folder, join(root, 'usr/share')],
    ...[file, ...leading, '--no-defaults', '--bootstrap', '--max-allowed-packet=8M'],
    `--datadir=${folder}`,
  ];
}

/** Moves a finished directory to its place at once, so that nobody sees half of it. */
async function publish(made: string, cached: string): Promise<boolean> {
  const arriving = `${cached}.${process.pid}.${Date.now()}`;
  try {
    await mkdir(dirname(cached), { recursive: true, mode: 0o700 });
    await copyDataDirectory(made, arriving);
    await rename(arriving, cached);
    return true;
  } catch (error) {
    await rm(arriving, { recursive: true, force: true });
    // Another process was first, or there is no room or right to keep it: both leave us `made`.
    if (error instanceof Error && 'code' in error) return false;
    throw error;
  }
}

function cacheFolder(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'meridian');
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error) return false;
    throw error;
  }
}
