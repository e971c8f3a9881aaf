import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { type Cache, createCache } from 'meridian/cache';
import { type SentinelRedis, startLocalRedis } from 'meridian/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../../../support/eventually.ts';
import { programFile } from '../../../support/programs.ts';

const program = fileURLToPath(new URL('../../../support/redis/cache-reader.ts', import.meta.url));

let redis: SentinelRedis;
let folder: string;

beforeAll(async () => {
  [redis, folder] = await Promise.all([
    startLocalRedis({ kind: 'sentinel' }),
    mkdtemp(join(tmpdir(), 'meridian-asleep-')),
  ]);
});

afterAll(() => Promise.all([redis.stop(), rm(folder, { recursive: true })]));

it('a process that slept while its master was replaced does not believe the old one', async () => {
  const { sentinels, name } = redis;
  const source = join(folder, 'source');
  await writeFile(source, 'old');
  const client = new Redis({ sentinels, name, lazyConnect: true });
  const cache = createCache<string>({
    redis: client,
    namespace: 'asleep',
    ttlMs: 60_000,
    maxGapMs: 400,
    memory: false,
  });
  const reader = await startReader({ sentinels, name }, source);
  try {
    await cache.ready();
    const seen = linesOf(reader);
    await eventually(() => expect(seen).toContain('old'), { timeout: 10_000 });
    const master = await redis.master();
    reader.kill('SIGSTOP');
    await master.pause();
    await redis.replacementOf(master);
    await writeFile(source, 'new');
    await eventually(async () => expect(await cache.invalidate('key')).toBe('done'), {
      timeout: 5_000,
    });
    seen.length = 0;
    await master.resume();
    reader.kill('SIGCONT');
    await eventually(() => expect(seen).toContain('new'), { timeout: 10_000 });
    await redis.replacementOf(master);
    // The first read may have begun before the value was changed.
    expect(new Set(seen.slice(1))).toEqual(new Set(['new']));
  } finally {
    reader.kill('SIGKILL');
    await cache.close();
    client.disconnect();
  }
});

it('who was sent to a master before it was replaced does not use it afterwards', async () => {
  const { sentinels, name } = redis;
  const caches: Cache<string>[] = [];
  const clients: Redis[] = [];
  const open = () => {
    const client = new Redis({ sentinels, name, lazyConnect: true });
    const limits = { ttlMs: 60_000, maxGapMs: 400, memory: false };
    const cache = createCache<string>({ redis: client, namespace: 'sent', ...limits });
    clients.push(client);
    caches.push(cache);
    return cache;
  };
  try {
    const first = open();
    await first.ready();
    expect(await first.get('key', async () => 'old')).toBe('old');
    const master = await redis.master();
    await master.pause();
    const opening = setInterval(open, 50);
    await redis.replacementOf(master);
    clearInterval(opening);
    await eventually(async () => expect(await first.invalidate('key')).toBe('done'), {
      timeout: 5_000,
    });
    await master.resume();
    let isInPlace = false;
    const inPlace = redis.replacementOf(master).then(() => {
      isInPlace = true;
    });
    const seen = new Set<string | null>();
    while (!isInPlace) {
      const read = caches.map((cache) => cache.get('key', async () => 'new'));
      for (const value of await Promise.all(read)) seen.add(value);
      await turn();
    }
    await inPlace;
    expect(seen).toEqual(new Set(['new']));
  } finally {
    await Promise.all(caches.map((cache) => cache.close()));
    for (const client of clients) client.disconnect();
  }
});

async function startReader(
  options: object,
  source: string,
): Promise<ChildProcessByStdio<null, Readable, null>> {
  const args = [await programFile(program), JSON.stringify(options), source];
  return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
}

/** Grows with what the process prints. */
function linesOf({ stdout }: { readonly stdout: Readable }): string[] {
  const lines: string[] = [];
  let half = '';
  stdout.setEncoding('utf8').on('data', (text: string) => {
    const parts = `${half}${text}`.split('\n');
    half = parts.pop() ?? '';
    lines.push(...parts);
  });
  return lines;
}
