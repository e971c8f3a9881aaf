/**
 * Runs the tests against a real agent of Consul: the one of the PATH, else one that is built with Go from the
 * versions in test/consul/go.mod, once, into the user's cache. Arguments go to vitest.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { main, must, Obstacle, root, run } from './run.mjs';
import { findBinary } from './servers.mjs';

const folder = join(root, 'test', 'consul');

await main(async () => {
  let consul;
  try {
    consul = findBinary('consul') ?? (await built());
  } catch (error) {
    // No Go, or no way to the modules: nothing of the product is at fault, and nothing was tested.
    if (!(error instanceof Obstacle)) throw error;
    console.log(`${error.message}\nnot run: Consul suite\n0 passed, 0 failed, 1 skipped`);
    return 0;
  }
  const program = ['scripts/test.mjs', '--project', 'consul', ...process.argv.slice(2)];
  return run(process.execPath, program, { env: { MERIDIAN_TEST_CONSUL: consul } });
});

async function built() {
  const sums = readFileSync(join(folder, 'go.sum'));
  const version = createHash('sha256').update(sums).digest('hex').slice(0, 12);
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'meridian');
  const file = join(cache, `consul-${version}`);
  if (existsSync(file)) return file;
  const go = findBinary('go');
  if (go === undefined) {
    throw new Obstacle('There is neither consul nor go on the PATH, to build it with.');
  }
  mkdirSync(cache, { recursive: true });
  const partial = `${file}.${process.pid}`;
  const args = ['build', '-mod=readonly', '-o', partial, 'github.com/hashicorp/consul'];
  await must('Building Consul, once, for some minutes', go, args, { cwd: folder });
  renameSync(partial, file);
  return file;
}
