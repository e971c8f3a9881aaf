import { readFile } from 'node:fs/promises';
import { Redis } from 'ioredis';
import type { MeridianEvent } from 'meridian';
import { createCache } from 'meridian/cache';
import { type LocalRedis, startLocalRedis } from 'meridian/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../../../support/eventually.ts';

let redis: LocalRedis;
let url: string;
let admin: Redis;

beforeAll(async () => {
  const started = await startLocalRedis({ kind: 'standalone' });
  redis = started;
  url = started.url;
  admin = new Redis(url);
});

afterAll(async () => {
  admin.disconnect();
  await redis.stop();
});

/** The commands that the guide says are needed, `SCRIPT LOAD` among them. */
async function documented(): Promise<string[]> {
  const guide = await readFile(
    new URL('../../../../docs/guides/cache.md', import.meta.url),
    'utf8',
  );
  const sentence = /It needs the commands ([\s\S]*?)channels/.exec(guide)?.[1] ?? '';
  return sentence.match(/\b[A-Z]{3,}(?: LOAD)?\b/g) ?? [];
}

it('a user who may do what the guide lists, and nothing else, can have a cache', async () => {
  const commands = (await documented()).map((name) => `+${name.toLowerCase().replace(' ', '|')}`);
  expect(commands.length).toBeGreaterThan(10);
  const channels = ['resetchannels', '&meridian:beat:*', '&*:invalidated:*'];
  const rights = ['reset', 'on', '>secret', '~allowed:*', ...channels, '-@all', ...commands];
  expect(await admin.call('ACL', 'SETUSER', 'cache', ...rights)).toBe('OK');
  const events: MeridianEvent[] = [];
  const open = () =>
    createCache<string>({
      redis: url.replace('redis://', 'redis://cache:secret@'),
      namespace: 'allowed',
      ttlMs: 60_000,
      version: () => 1,
      observer: (event) => events.push(event),
    });
  const [here, there] = [open(), open()];
  expect([await here.ready(), await there.ready()]).toEqual([true, true]);
  expect(await here.get('ada', async () => 'Ada')).toBe('Ada');
  await eventually(async () => expect(await there.get('ada', async () => 'no')).toBe('Ada'));
  await expect(here.get('grace', () => Promise.reject(new Error('down')))).rejects.toThrow('down');
  expect(await here.invalidate('ada')).toBe('done');
  await eventually(() => expect(there.peek('ada')).toBeUndefined());
  await Promise.all([here.close(), there.close()]);
  expect(events.filter(({ type }) => type === 'cache-fault')).toEqual([]);
});
