/**
 * Servers of releases that this machine does not have, each in a folder of its own with the libraries
 * that it needs: packages of Debian's newest suite, unpacked, neither installed nor configured. Needs no
 * rights. A root is made once and kept in the user's cache folder.
 */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { aptSource, withoutAddresses } from './apt-source.mjs';
import { capture, gist, main, Obstacle, withProgress } from './run.mjs';
import { findBinary } from './servers.mjs';

/** The suite that the releases are of. */
export const suite = 'sid';
const versionFile = 'meridian-version';
const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** A release, its package, and how the version of that package begins, after an epoch. */
export const releases = {
  'mysql-9.7': { kind: 'mysql', package: 'mysql-server-core', version: '9.7.' },
  'mariadb-11.8': { kind: 'mysql', package: 'mariadb-server-core', version: '11.8.' },
  'redis-8': { kind: 'redis', package: 'redis-server', version: '8.' },
  'valkey-9': { kind: 'redis', package: 'valkey-server', version: '9.' },
};

/** The version of the package that a root was made of. */
export function versionOf(folder) {
  return readFileSync(join(folder, versionFile), 'utf8');
}

/**
 * The folder of a release.
 *
 * @throws Obstacle when it is not here and can't be had today.
 */
export async function ensureRoot(name) {
  const folder = join(rootsFolder(), name);
  if (isWhole(folder)) return folder;
  return withProgress(`Unpacking ${name}`, () => make(name, folder));
}

/** The version is written last. */
function isWhole(folder) {
  return existsSync(join(folder, versionFile));
}

async function make(name, folder) {
  const { mirror } = aptSource() ?? {};
  const missing = ['apt-get', 'apt-cache', 'dpkg-deb'].filter((tool) => !findBinary(tool));
  if (!mirror || missing.length > 0 || !existsSync(keyring)) {
    throw new Obstacle(`${name}: only a Debian system can unpack it, with its keyring.`);
  }
  const arriving = `${folder}.${process.pid}`;
  const apt = new PrivateApt(`${arriving}.apt`, mirror);
  try {
    mkdirSync(arriving, { recursive: true, mode: 0o755 });
    await apt.run('apt-get', 'update');
    const release = releases[name];
    const policy = await apt.run('apt-cache', 'policy', release.package);
    const version = /Candidate: (?:\d+:)?(\S+)/.exec(policy)?.[1] ?? 'nothing';
    if (!version.startsWith(release.version)) {
      throw new Obstacle(`${name}: Debian ${suite} has ${version} today.`);
    }
    const install = ['-y', '--no-install-recommends', '--download-only', 'install'];
    await apt.run('apt-get', ...install, release.package);
    for (const file of apt.archives()) await told(findBinary('dpkg-deb'), ['-x', file, arriving]);
    writeFileSync(join(arriving, versionFile), version);
    if (!isWhole(folder)) rmSync(folder, { recursive: true, force: true });
    renameSync(arriving, folder);
    return folder;
  } catch (error) {
    // Another process was first.
    if (isWhole(folder)) return folder;
    throw error;
  } finally {
    rmSync(arriving, { recursive: true, force: true });
    apt.remove();
  }
}

/** apt with lists, a state and a cache of its own: it knows of nothing that is installed here. */
class PrivateApt {
  #folder;

  constructor(folder, mirror) {
    this.#folder = folder;
    for (const part of ['lists/partial', 'archives/partial', 'none']) {
      mkdirSync(join(folder, part), { recursive: true });
    }
    writeFileSync(join(folder, 'status'), '');
    writeFileSync(
      join(folder, 'sources.list'),
      `deb [signed-by=${keyring}] ${mirror} ${suite} main\n`,
    );
  }

  run(tool, ...args) {
    const at = (name) => join(this.#folder, name);
    const settings = {
      'Dir::Etc::sourcelist': at('sources.list'),
      'Dir::Etc::sourceparts': at('none'),
      'Dir::Etc::preferencesparts': at('none'),
      'Dir::State::lists': at('lists'),
      'Dir::State::status': at('status'),
      'Dir::Cache': this.#folder,
      'Dir::Cache::archives': at('archives'),
      'Acquire::Languages': 'none',
      // Else root would hand the downloads to a user who may not write here.
      'APT::Sandbox::User': 'root',
    };
    const options = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
    return told(findBinary(tool), ['-q', ...options, ...args]);
  }

  archives() {
    const folder = join(this.#folder, 'archives');
    return readdirSync(folder)
      .filter((name) => name.endsWith('.deb'))
      .map((name) => join(folder, name));
  }

  remove() {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

async function told(file, args) {
  const { code, output } = await capture(file, args);
  if (code === 0) return output;
  throw new Obstacle(`Servers can't be unpacked:\n${withoutAddresses(gist(output))}`);
}

function rootsFolder() {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'meridian', 'roots');
}

if (process.argv[1] === import.meta.filename) {
  await main(async () => {
    const wanted = process.argv.slice(2);
    const names = Object.keys(releases).filter((name) => !wanted.length || wanted.includes(name));
    for (const name of names) console.log(`${name}: ${await ensureRoot(name)}`);
  });
}
