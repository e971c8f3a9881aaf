/**
 * Makes sure that there are MySQL and Redis images to test with: those that are there, else the
 * official ones from a registry, else local ones built from packages of Debian's newest suite.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { aptSource, withoutAddresses } from './apt-source.mjs';
import { hasImages, localImages, officialImages, pull } from './engine.mjs';
import { ensureEngine } from './own-engine.mjs';
import { capture, main, must, Obstacle, root, withProgress } from './run.mjs';
import { releases, suite } from './server-roots.mjs';
import { findBinary, installer, installPackages } from './servers.mjs';

const imageReleases = ['mysql-9.7', 'valkey-9'];
const base = `meridian-test-base:${imageReleases.join('-')}`;

/**
 * Resolves with the names of the images.
 *
 * @throws Obstacle when they can neither be pulled nor built.
 */
export async function ensureImages(engine) {
  const named = namedImages();
  if (named) {
    for (const name of Object.values(named)) {
      if (await hasImages(engine, [name])) continue;
      if (!(await withProgress(`Pulling ${name}`, () => pull(engine, name)))) {
        throw new Obstacle(`The image '${name}' is not here and cannot be pulled.`);
      }
    }
    return named;
  }
  for (const images of [officialImages, localImages]) {
    if (await hasImages(engine, Object.values(images))) return images;
  }
  const pulled = await withProgress('Pulling official images', async () => {
    for (const name of Object.values(officialImages)) {
      if (!(await pull(engine, name))) return false;
    }
    return true;
  });
  if (pulled) return officialImages;
  await buildImages(engine);
  return localImages;
}

function namedImages() {
  const { MERIDIAN_MYSQL_IMAGE: mysql, MERIDIAN_REDIS_IMAGE: redis } = process.env;
  if (!mysql && !redis) return undefined;
  return { mysql: mysql || officialImages.mysql, redis: redis || officialImages.redis };
}

async function buildImages(engine) {
  const { mirror } = aptSource() ?? {};
  if (!mirror || !(await installer()) || process.getuid?.() !== 0) {
    throw new Obstacle(
      'The test images can be built on Debian or Ubuntu by root only, and no registry answers.\n' +
        'Name images this engine has with MERIDIAN_MYSQL_IMAGE and MERIDIAN_REDIS_IMAGE.',
    );
  }
  const missing = ['debootstrap', 'docker'].filter((name) => !findBinary(name));
  if (missing.length > 0)
    await installPackages('Installing image tools', ['docker.io', 'debootstrap']);
  if (!(await hasImages(engine, [base]))) await buildBase(engine, mirror);
  for (const [folder, name] of Object.entries(localImages)) await buildImage(engine, folder, name);
}

/** Both servers are in one base: their images differ by what they start. */
async function buildBase(engine, mirror) {
  const folder = mkdtempSync(join(tmpdir(), 'meridian-image-'));
  const system = join(folder, 'root');
  try {
    const include = `--include=${imageReleases.map((name) => releases[name].package)}`;
    await mustPrivately(`Making a minimal Debian ${suite}`, findBinary('debootstrap'), [
      ...['--variant=minbase', include, suite, system, mirror],
    ]);
    for (const name of imageReleases) await mustBe(name, system);
    await mustPrivately(
      'Importing it',
      'sh',
      ['-c', 'tar -C "$1" -c . | docker import - "$2"', 'sh', system, base],
      { env: { DOCKER_HOST: engine.url } },
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function mustBe(name, system) {
  const { package: wanted, version } = releases[name];
  const query = [`--admindir=${system}/var/lib/dpkg`, '--show', wanted];
  const { output } = await capture('dpkg-query', query);
  const [, has = 'none'] = /\t(?:\d+:)?(\S+)/.exec(output) ?? [];
  if (has.startsWith(version)) return;
  throw new Obstacle(`${name}: Debian ${suite} has ${has} today.`);
}

async function buildImage(engine, folder, name) {
  const context = join(root, 'test', 'support', 'containers', folder);
  const args = ['build', '--network=none', '--tag', name, context];
  await mustPrivately(`Building ${name}`, 'docker', args, { env: { DOCKER_HOST: engine.url } });
}

/** Like `must`, without the addresses that package tools print. */
async function mustPrivately(label, file, args, options) {
  try {
    await must(label, file, args, options);
  } catch (error) {
    if (!(error instanceof Obstacle)) throw error;
    throw new Obstacle(withoutAddresses(error.message));
  }
}

if (process.argv[1] === import.meta.filename) {
  await main(async () => {
    const engine = await ensureEngine();
    try {
      const images = await ensureImages(engine);
      console.log(`MySQL: ${images.mysql}\nRedis: ${images.redis}`);
    } finally {
      await engine.stop();
    }
  });
}
