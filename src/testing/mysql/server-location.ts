import { execFile } from 'node:child_process';
import { access, constants, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { TestingError } from '../testing-error.ts';

/**
 * Which server program to run, where it shall not be the one that is found on this machine.
 *
 * @example
 * const mysql: ServerLocation = { file: '/usr/sbin/mysqld' };
 * await startLocalCluster({ shards: ['eu-1'], mysql });
 */
export type ServerLocation =
  /** The path of the server's executable. */
  | { readonly file: string; readonly root?: never }
  /**
   * A folder that holds a Linux system of its own, as `debootstrap` makes one: the server there
   * runs with the libraries there. Needs no rights, and nothing is written into the folder.
   */
  | { readonly root: string; readonly file?: never };

/** What to execute: a file, and the arguments that come before all others. */
export interface Executable {
  readonly file: string;
  readonly leading: readonly string[];
  /** The root that it was found in. */
  readonly root?: string;
}

const programFolders = ['usr/sbin', 'usr/bin'];
/** The dynamic loaders of Linux systems, by where they are. */
const loaders = [
  ['lib64', 'ld-linux-x86-64.so.2'],
  ['lib', 'ld-linux-aarch64.so.1'],
] as const;

/**
 * The location that was given, else the one that the environment variable names: the path of an
 * executable, or of a folder that is a root.
 *
 * @throws TestingError when it is neither.
 */
export async function locationOf(
  given: ServerLocation | undefined,
  variable: string,
): Promise<ServerLocation | undefined> {
  if (given !== undefined) return given;
  const path = process.env[variable];
  if (!path) return undefined;
  const found = await stat(path).catch((cause: unknown) => {
    throw new TestingError(`${variable} names '${path}', which can't be read.`, { cause });
  });
  return found.isDirectory() ? { root: path } : { file: path };
}

/** @throws TestingError when there is no server of these names. */
export async function programAt(
  location: ServerLocation,
  ...names: readonly string[]
): Promise<Executable> {
  if (location.root === undefined) return { file: location.file, leading: [] };
  const { root } = location;
  const candidates = names.flatMap((name) => programFolders.map((of) => join(root, of, name)));
  const file = await firstExecutable(candidates);
  if (file === undefined) {
    throw new TestingError(`There is no ${names.join(' or ')} in the root '${root}'.`);
  }
  const loader = await firstExecutable(
    loaders.flatMap(([folder, name]) => [
      join(root, folder, name),
      join(root, 'usr', folder, name),
    ]),
  );
  if (loader === undefined) {
    throw new TestingError(`The root '${root}' has no dynamic loader: is it a Linux system?`);
  }
  const libraries = (await readdir(join(root, 'usr/lib'))).filter((name) => /-linux-/.test(name));
  const path = libraries.map((name) => join(root, 'usr/lib', name)).join(':');
  return { file: loader, leading: ['--library-path', path, file], root };
}

/**
 * What the program says of its version.
 *
 * @throws TestingError when it does not run.
 */
export async function versionOf(program: Executable, ...args: string[]): Promise<string> {
  const { file, leading } = program;
  const asked = promisify(execFile)(file, [...leading, ...args, '--version']);
  const { stdout } = await asked.catch((cause: unknown) => {
    throw new TestingError(`'${leading.at(-1) ?? file}' does not run.`, { cause });
  });
  return stdout.trim();
}

async function firstExecutable(files: readonly string[]): Promise<string | undefined> {
  for (const file of files) if (await isExecutable(file)) return file;
  return undefined;
}

export async function isExecutable(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error) return false;
    throw error;
  }
}
