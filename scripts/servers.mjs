import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { findEngine, hasImages, testImages } from './engine.mjs';
import { capture, must, Obstacle } from './run.mjs';

const serverFolders = ['/usr/sbin', '/usr/local/sbin', '/usr/local/bin', '/usr/libexec'];

/** Packages put what they install into the PATH of root; a policy keeps their services off. */
const installScript = `
  set -e
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\\nexit 101\\n' > "$policy"
    chmod 755 "$policy"
    trap 'rm -f "$policy"' EXIT
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get update
  apt-get install -y --no-install-recommends "$@"
`;

export function findBinary(...names) {
  const folders = [...(process.env.PATH ?? '').split(delimiter).filter(Boolean), ...serverFolders];
  for (const name of names) {
    for (const folder of folders) {
      const file = join(folder, name);
      try {
        accessSync(file, constants.X_OK);
        return file;
      } catch (error) {
        if (error.code !== 'ENOENT' && error.code !== 'EACCES' && error.code !== 'ENOTDIR')
          throw error;
      }
    }
  }
  return undefined;
}

const hasServers = () =>
  findBinary('mariadbd', 'mysqld') !== undefined && findBinary('redis-server') !== undefined;

/** How packages can be installed here without asking: as root, with sudo, or not at all. */
export async function installer() {
  if (!existsSync('/usr/bin/apt-get')) return undefined;
  if (process.getuid?.() === 0) return ['sh'];
  const { code } = await capture('sudo', ['-n', 'true']);
  return code === 0 ? ['sudo', '-n', 'sh'] : undefined;
}

export async function installPackages(label, packages) {
  const how = await installer();
  if (!how) throw new Obstacle(`${label}: packages cannot be installed here without a password.`);
  const [file, ...args] = how;
  await must(label, file, [...args, '-c', installScript, 'sh', ...packages]);
}

/**
 * Makes sure that tests can start MySQL and Redis servers; installs them where that may be done.
 * Resolves with the environment the tests need to find them.
 */
export async function ensureServers() {
  if (hasServers() || process.env.MERIDIAN_TEST_PROVIDER === 'container') return {};
  const engine = await findEngine();
  const images = testImages();
  if (engine && (await hasImages(engine, Object.values(images)))) {
    return {
      DOCKER_HOST: engine.url,
      MERIDIAN_TEST_PROVIDER: 'container',
      MERIDIAN_MYSQL_IMAGE: images.mysql,
      MERIDIAN_REDIS_IMAGE: images.redis,
    };
  }
  if (await installer()) {
    await installPackages('Installing mariadb-server and redis-server', [
      'mariadb-server',
      'redis-server',
    ]);
  }
  if (hasServers()) return {};
  throw new Obstacle(
    'No MySQL and Redis servers can be started here: no mariadbd (or mysqld) and redis-server was found.\n' +
      'Install both (Debian, Ubuntu: apt-get install mariadb-server redis-server), or start a Docker engine that has the images.',
  );
}

/** Makes sure that metrics and rules can be checked, where that may be done; tests say so where it can't. */
export async function ensurePromtool() {
  if (findBinary('promtool') !== undefined || !(await installer())) return;
  await installPackages('Installing prometheus, for its promtool', ['prometheus']);
}
