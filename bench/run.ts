import { mkdir, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { printTable, type Suite } from './result.ts';

const suites: Record<string, () => Promise<{ suite: Suite }>> = {
  reads: () => import('./suites/point-reads.ts'),
  shards: () => import('./suites/shards.ts'),
  memory: () => import('./suites/memory-hits.ts'),
  cache: () => import('./suites/cache.ts'),
  footprint: () => import('./suites/footprint.ts'),
  scaling: () => import('./suites/scaling.ts'),
  placement: () => import('./suites/placement.ts'),
  gateway: () => import('./suites/gateway.ts'),
  resilience: () => import('./suites/resilience.ts'),
  guard: () => import('./suites/guard.ts'),
  capacity: () => import('./suites/capacity.ts'),
  topology: () => import('./suites/topology.ts'),
  observability: () => import('./suites/observability.ts'),
};
/** Run by another suite as well. */
const parts = new Set(['guard']);

const asked = process.argv.slice(2).filter((name) => !name.startsWith('-'));
const unknown = asked.filter((name) => !(name in suites));
if (unknown.length > 0) {
  console.error(`Unknown bench: ${unknown.join(', ')}. Known: ${Object.keys(suites).join(', ')}.`);
  process.exit(1);
}

const report: Record<string, unknown> = {
  date: new Date().toISOString(),
  node: process.version,
  cpu: cpus()[0]?.model,
  cores: cpus().length,
};
for (const [name, load] of Object.entries(suites)) {
  if (asked.length > 0 ? !asked.includes(name) : parts.has(name)) continue;
  const { suite } = await load();
  console.log(`\nrunning ${name} …`);
  const results = await suite.run();
  printTable(suite.name, results);
  report[name] = results;
}
await mkdir('bench/results', { recursive: true });
const file = `bench/results/${(asked.length > 0 ? asked : ['all']).join('-')}.json`;
await writeFile(file, `${JSON.stringify(report, null, 2)}\n`);
console.log(`\nwritten to ${file}`);
