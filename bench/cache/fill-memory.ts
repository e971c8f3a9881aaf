import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { createCache } from 'meridian/cache';

/** A program of its own (node --expose-gc): fills a bounded cache, prints the MiB it has grown by. */
const mib = 2 ** 20;
const bound = Number(process.argv[2]) * mib;

const before = await taken();
const cache = createCache<unknown>({
  redis: false,
  namespace: 'bench-bound',
  ttlMs: 600_000,
  maxBytes: bound,
  maxEntries: 200_000,
});
let filled = 0;
for (let index = 0; filled < 3 * bound; index++) {
  const row = rowOf(index);
  filled += row.bytes;
  await cache.get(`row-${index}`, async () => row.value);
}
console.log(((await taken()) - before) / mib);
await cache.close();

/** Rows of the kinds that come from a database, with what they hold at the least. */
function rowOf(index: number): { value: unknown; bytes: number } {
  const size = 500 + ((index * 7919) % 3_000);
  switch (index % 4) {
    case 0:
      return { value: randomBytes(size / 2).toString('hex'), bytes: size };
    case 1:
      return { value: Buffer.alloc(size, index), bytes: size };
    case 2: {
      const tags = Array.from({ length: size / 50 }, (_, tag) => ({
        name: `tag ${index} ${tag}`,
        weight: tag + 0.5,
        since: new Date(tag),
      }));
      return { value: { id: index, tags }, bytes: size };
    }
    default: {
      const text = randomBytes(size / 4).toString('hex');
      const value = {
        id: index,
        name: text,
        bytes: Buffer.alloc(size / 4),
        deep: { on: [1, 'é'] },
      };
      return { value, bytes: size };
    }
  }
}

async function taken(): Promise<number> {
  if (globalThis.gc === undefined) throw new Error('run it with node --expose-gc');
  for (let turn = 0; turn < 3; turn++) {
    globalThis.gc();
    await sleep(50);
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
