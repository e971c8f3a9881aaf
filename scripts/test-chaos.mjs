/**
 * The random histories of the cache, long: MERIDIAN_HISTORY_MS (default three minutes) is shared by one
 * Redis, Redis with Sentinels and a Redis Cluster.
 * MERIDIAN_SEED repeats what was decided at random in an earlier run. Arguments go to vitest.
 */
import { main, run, tool } from './run.mjs';

await main(async () => {
  const args = ['run', '--project', 'integration', 'test/chaos', ...process.argv.slice(2)];
  const { MERIDIAN_HISTORY_MS = '180000' } = process.env;
  return run(tool('vitest'), args, { env: { MERIDIAN_HISTORY_MS } });
});
