/**
 * A process that reads one key through a cache without memory for ever, one read after the other, and
 * prints what it gets. Arguments: the options of an ioredis client as JSON, the file that is the source.
 */
import { readFileSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { createCache } from 'meridian/cache';

const [, , options = '', source = ''] = process.argv;
const client = new Redis({ ...JSON.parse(options), lazyConnect: true });
const cache = createCache<string>({
  redis: client,
  namespace: 'asleep',
  ttlMs: 60_000,
  maxGapMs: 400,
  memory: false,
});
await cache.ready();
for (;;) {
  const value = await cache.get('key', async () => readFileSync(source, 'utf8'));
  process.stdout.write(`${value}\n`);
  await turn();
}
