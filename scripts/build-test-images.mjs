/**
 * Makes sure that there are MySQL and Redis images to test with: those that are there, else the
 * official ones from a registry, else local ones built from this machine's Debian packages.
 */
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { aptSource, withoutAddresses } from './apt-source.mjs';
import { hasImages, localImages, officialImages, pull } from './engine.mjs';
import { ensureEngine } from './own-engine.mjs';
import { main, must, Obstacle, root, withProgress } from './run.mjs';
import { findBinary, installer, installPackages } from './servers.mjs';

const base = 'meridian-test-base:local';
const proxies = ['http_proxy', 'https_proxy', 'no_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'];

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
  const source = aptSource();
  if (!source || !(await installer()) || process.getuid?.() !== 0) {
    throw new Obstacle(
      'The test images can be built on Debian or Ubuntu by root only, and no registry answers.\n' +
        'Name images this engine has with MERIDIAN_MYSQL_IMAGE and MERIDIAN_REDIS_IMAGE.',
    );
  }
  const missing = ['debootstrap', 'docker'].filter((name) => !findBinary(name));
  if (missing.length > 0)
    await installPackages('Installing image tools', ['docker.io', 'debootstrap']);
  if (!(await hasImages(engine, [base]))) await buildBase(engine, source);
  for (const [folder, name] of Object.entries(localImages)) await buildImage(engine, folder, name);
}

async function buildBase(engine, { mirror, suite }) {
  const folder = mkdtempSync(join(tmpdir(), 'meridian-image-'));
  const system = join(folder, 'root');
  try {
    const include = mirror.startsWith('https:') ? ['--include=ca-certificates'] : [];
    await mustPrivately('Making a minimal Debian', findBinary('debootstrap'), [
      ...['--variant=minbase', ...include, suite, system, mirror],
    ]);
    // The packages of the images come from where this machine has its own.
    for (const path of ['etc/apt/sources.list', 'etc/apt/sources.list.d', ...certificates()]) {
      if (existsSync(`/${path}`)) cpSync(`/${path}`, join(system, path), { recursive: true });
    }
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

function certificates() {
  return ['etc/ssl/certs/ca-certificates.crt'];
}

async function buildImage(engine, folder, name) {
  const context = join(root, 'test', 'support', 'containers', folder);
  const passedOn = proxies.filter((variable) => process.env[variable]);
  const args = [
    ...['build', '--network=host', '--tag', name],
    ...passedOn.flatMap((variable) => ['--build-arg', variable]),
    context,
  ];
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
