import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { startLocalCluster } from 'meridian/testing';
import { median } from '../measure.ts';
import type { Result, Suite } from '../result.ts';

const run = promisify(execFile);
const dependencies = ['mysql2', 'ioredis', 'cockatiel', 'lru-cache', 'pino', 'zod'];
const shards = Array.from({ length: 8 }, (_, index) => `s-${index + 1}`);

/** What the package costs a process before it does anything: each figure from fresh processes. */
export const suite: Suite = {
  name: 'Footprint (fresh processes, interleaved, medians)',
  async run() {
    return [await importTime(), await idleMemory()];
  },
};

async function importTime(): Promise<Result> {
  const timed = (modules: readonly string[]) =>
    node(`const t = performance.now();
      await Promise.all(${JSON.stringify(modules)}.map((name) => import(name)));
      console.log(performance.now() - t);`);
  const alone: number[] = [];
  const whole: number[] = [];
  for (let round = 0; round < 15; round++) {
    alone.push(await timed(dependencies));
    whole.push(await timed([...dependencies, 'meridian']));
  }
  const overMs = median(whole) - median(alone);
  return {
    name: 'import over its dependencies',
    value: `${overMs.toFixed(1)} ms  (${median(whole).toFixed(0)} against ${median(alone).toFixed(0)} ms)`,
    target: '<= 30 ms',
    met: overMs <= 30,
    figures: { overMs, aloneMs: median(alone), wholeMs: median(whole) },
  };
}

async function idleMemory(): Promise<Result> {
  const cluster = await startLocalCluster({ shards, redis: true });
  try {
    const urls = shards.map((shard) => cluster.shards[shard]?.primary.url ?? '');
    const redis = cluster.redis?.url ?? '';
    const bare: number[] = [];
    const own: number[] = [];
    for (let round = 0; round < 7; round++) {
      bare.push(await node(barePools(urls, redis)));
      own.push(await node(dataLayer(urls, redis)));
    }
    const overMb = median(own) - median(bare);
    return {
      name: 'idle memory over bare pools, 8 shards',
      value: `${overMb.toFixed(1)} MB  (RSS ${median(own).toFixed(1)} against ${median(bare).toFixed(1)} MB)`,
      target: '<= 10 MB',
      met: overMb <= 10,
      figures: { overMb, bareMb: median(bare), ownMb: median(own) },
    };
  } finally {
    await cluster.stop();
  }
}

const residentMb = `
  for (let turn = 0; turn < 3; turn++) { gc(); await new Promise((done) => setTimeout(done, 100)); }
  console.log(process.memoryUsage().rss / 2 ** 20);`;

const barePools = (urls: readonly string[], redis: string) => `
  import { createPool } from 'mysql2/promise';
  import { Redis } from 'ioredis';
  const pools = ${JSON.stringify(urls)}.map((uri) => createPool({ uri, connectionLimit: 10 }));
  const client = new Redis(${JSON.stringify(redis)});
  await client.ping();
  for (const pool of pools) await Promise.all(Array.from({ length: 2 }, () => pool.query('SELECT 1')));
  ${residentMb}
  client.disconnect();
  for (const pool of pools) await pool.end();`;

const dataLayer = (urls: readonly string[], redis: string) => `
  import { createDataLayer } from 'meridian';
  const urls = ${JSON.stringify(urls)};
  const names = urls.map((_, index) => 's-' + (index + 1));
  const data = await createDataLayer({
    topology: {
      epoch: 1,
      regions: { eu: { code: 1, location: [50, 8] } },
      shards: Object.fromEntries(urls.map((primary, i) => [names[i], { region: 'eu', primary }])),
      keyspaces: { ledger: { code: 2, strategy: 'hash', shards: names } },
    },
    tables: {}, redis: ${JSON.stringify(redis)}, systemTables: 'create', logger: false,
  });
  ${residentMb}
  await data.close();`;

async function node(script: string): Promise<number> {
  const { stdout } = await run(
    process.execPath,
    ['--expose-gc', '--input-type=module', '--eval', script],
    { env: { ...process.env, NODE_OPTIONS: '' } },
  );
  return Number(stdout);
}
