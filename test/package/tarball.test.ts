import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import manifest from '../../package.json' with { type: 'json' };

const root = fileURLToPath(new URL('../..', import.meta.url));
const entries = Object.keys(manifest.exports).filter((path) => !path.endsWith('.json'));
const nameOf = (path: string) => path.replace(/^\./, manifest.name);
/** What a user installs beside the package, in the versions that the repository is tested with. */
const beside = ['mysql2', 'ioredis', 'zod', '@opentelemetry/api', '@types/node'];
let consumer: string;

async function exec(cwd: string, file: string, args: readonly string[]): Promise<string> {
  const options = { cwd, maxBuffer: 64 * 1024 * 1024 };
  const running = promisify(execFile)(file, [...args], options);
  const { stdout } = await running.catch((error: Error & { stdout?: string }) => {
    throw new Error(`${error.message}\n${error.stdout ?? ''}`);
  });
  return stdout;
}

async function installedVersion(name: string): Promise<string> {
  // Peers of other versions, when those are to be tested.
  const { MERIDIAN_TEST_PEERS: peers = root } = process.env;
  const own = join(peers, 'node_modules', name, 'package.json');
  const path = existsSync(own) ? own : join(root, 'node_modules', name, 'package.json');
  const text = await readFile(path, 'utf8');
  const { version }: { version: string } = JSON.parse(text);
  return version;
}

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'meridian-package-'));
  consumer = join(folder, 'consumer');
  await mkdir(consumer);
  // Packing builds, unless the test script has just done so.
  const built = process.env.MERIDIAN_BUILT ? ['--ignore-scripts'] : [];
  await exec(root, 'npm', ['pack', ...built, '--pack-destination', folder]);
  const tarball = (await readdir(folder)).find((name) => name.endsWith('.tgz'));
  if (tarball === undefined) throw new Error('npm pack left no tarball');

  await writeFile(join(consumer, 'package.json'), '{ "private": true, "type": "module" }');
  const packages = beside.map(async (name) => `${name}@${await installedVersion(name)}`);
  await exec(consumer, 'npm', [
    ...['install', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts'],
    ...[join('..', tarball), ...(await Promise.all(packages))],
  ]);
});

afterAll(() => rm(join(consumer, '..'), { recursive: true, force: true }));

describe('the packed package, installed elsewhere', () => {
  const exportsOf = (how: string) =>
    `const names = Object.keys(${how}).filter((name) => name !== 'default' && name !== '__esModule');
     console.log(JSON.stringify(names.sort()));`;

  it.each(entries)('%s exports the same to import and to require', async (path) => {
    const name = JSON.stringify(nameOf(path));
    const [imported, required] = await Promise.all([
      exec(consumer, process.execPath, [
        ...['--input-type=module', '-e', exportsOf(`await import(${name})`)],
      ]),
      exec(consumer, process.execPath, [
        ...['--input-type=commonjs', '-e', exportsOf(`require(${name})`)],
      ]),
    ]);
    expect(JSON.parse(imported)).not.toEqual([]);
    expect(required).toBe(imported);
  });

  it.each(entries)('%s is the same, whichever way it is loaded', async (path) => {
    const name = JSON.stringify(nameOf(path));
    const script = `
      import { createRequire } from 'node:module';
      import * as imported from ${name};
      const required = createRequire(process.cwd() + '/x.js')(${name});
      const differing = Object.keys(imported).filter((key) => imported[key] !== required[key]);
      console.log(JSON.stringify(differing));`;
    const differing = await exec(consumer, process.execPath, ['--input-type=module', '-e', script]);
    expect(JSON.parse(differing)).toEqual([]);
  });

  it.each(['import', 'require'])('knows the schemas of a zod that is loaded by %s', async (how) => {
    const load = how === 'import' ? "(await import('zod')).z" : "require('zod').z";
    const script = `
      import { createRequire } from 'node:module';
      import { defineTable } from 'meridian';
      const require = createRequire(process.cwd() + '/x.js');
      const z = ${load};
      const schema = z.object({
        id: z.uuid(), country: z.string().length(2), born: z.date().nullable(), size: z.int().optional(),
      });
      const place = ({ country }) => ({ country });
      defineTable({ name: 'users', keyspace: 'people', primaryKey: 'id', schema, place });
      console.log('defined');`;
    const said = await exec(consumer, process.execPath, ['--input-type=module', '-e', script]);
    expect(said).toBe('defined\n');
  });

  it('lets its manifest be read', async () => {
    const script = `console.log(require('${manifest.name}/package.json').version)`;
    const version = await exec(consumer, process.execPath, [
      ...['--input-type=commonjs', '-e', script],
    ]);
    expect(version.trim()).toBe(manifest.version);
  });

  it('offers its command', async () => {
    const help = await exec(consumer, 'npx', ['--no', 'meridian', '--', 'placement', '--help']);
    expect(help).toContain('Usage: meridian placement TOPOLOGY.json');
  });

  it('holds nothing but what is published on purpose', async () => {
    const folder = join(consumer, 'node_modules', manifest.name);
    const published = [...manifest.files, 'LICENSE', 'README.md', 'package.json'];
    expect(published).toEqual(expect.arrayContaining(await readdir(folder)));
  });

  it('is small, and without source maps', async () => {
    const folder = join(consumer, 'node_modules', manifest.name);
    const names = await readdir(folder, { recursive: true });
    const files = await Promise.all(names.map((name) => stat(join(folder, name))));
    const bytes = files.reduce((sum, file) => sum + (file.isFile() ? file.size : 0), 0);
    expect(bytes).toBeLessThan(1_500_000);
    expect(names.filter((name) => name.endsWith('.map'))).toEqual([]);
  });

  it.each(['import', 'require'])('starts servers when it is loaded by %s', async (how) => {
    const load =
      how === 'import'
        ? "const { startLocalCluster } = await import('meridian/testing');"
        : "const { startLocalCluster } = require('meridian/testing');";
    const use = `
      const cluster = await startLocalCluster({ shards: ['one'] });
      console.log(cluster.shards.one.primary.state, cluster.redis.state);
      await cluster.stop();
    `;
    const type = how === 'import' ? 'module' : 'commonjs';
    const script = how === 'import' ? `${load}${use}` : `${load}(async () => {${use}})();`;
    // The container provider's package is not installed there.
    if (process.env.MERIDIAN_TEST_PROVIDER === 'container') {
      await expect(
        exec(consumer, process.execPath, [`--input-type=${type}`, '-e', script]),
      ).rejects.toThrow(/needs the package 'testcontainers'/);
      return;
    }
    const states = await exec(consumer, process.execPath, [`--input-type=${type}`, '-e', script]);
    expect(states).toBe('running running\n');
  });
});

describe('the types of the packed package', () => {
  const program = [
    ...entries.map((path, i) => `import * as entry${i} from '${nameOf(path)}';`),
    `export const all = [${entries.map((_, i) => `entry${i}`).join(', ')}];`,
  ].join('\n');

  // Node's resolution looks at each file: a module of either format takes its own declarations.
  it.each([
    ['an ES and a CommonJS module, resolved by Node', 'NodeNext', 'NodeNext', ['mts', 'cts']],
    ['a bundled module', 'ESNext', 'Bundler', ['ts']],
  ])('are sound in %s', async (_, module, moduleResolution, extensions) => {
    const folder = join(consumer, moduleResolution);
    await mkdir(folder);
    const files = extensions.map((extension) => `all.${extension}`);
    for (const file of files) await writeFile(join(folder, file), program);
    const compilerOptions = {
      ...{ module, moduleResolution, target: 'ES2022', lib: ['ES2023'], types: ['node'] },
      ...{ strict: true, noEmit: true, skipLibCheck: false },
    };
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }));
    const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
    expect(await exec(consumer, process.execPath, [compiler, '-p', folder])).toBe('');
  });
});
