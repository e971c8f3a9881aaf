import { Redis as Redis6 } from 'ioredis';
import { Redis as Redis5 } from 'ioredis-5';
import type { MeridianEvent } from 'meridian';
import { type Cache, type CacheOptions, createCache } from 'meridian/cache';
import { type StandaloneRedis, startLocalRedis } from 'meridian/testing';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { eventually } from '../../../support/eventually.ts';

/** Clients and users of a Redis that are not what the cache would choose. */

let redis: StandaloneRedis;
let admin: Redis6;
let events: MeridianEvent[] = [];
const open: { close(): Promise<void> }[] = [];
const clients: { disconnect(): void }[] = [];

beforeAll(async () => {
  redis = await startLocalRedis({ kind: 'standalone' });
  admin = new Redis6(redis.url);
});

afterAll(async () => {
  admin.disconnect();
  await redis.stop();
});

afterEach(async () => {
  await Promise.all(open.splice(0).map((cache) => cache.close()));
  for (const client of clients.splice(0)) client.disconnect();
  events = [];
});

function make(options: Partial<CacheOptions<string>>): Cache<string> {
  const cache = createCache<string>({
    redis: redis.url,
    namespace: 'users',
    ttlMs: 60_000,
    maxGapMs: 200,
    observer: (event) => events.push(event),
    ...options,
  });
  open.push(cache);
  return cache;
}

const faults = () => events.flatMap((event) => (event.type === 'cache-fault' ? [event] : []));
const ups = () => events.filter((event) => event.type === 'cache-link' && event.state === 'up');

async function connections(): Promise<number> {
  return Number(/total_connections_received:(\d+)/.exec(await admin.info('stats'))?.[1]);
}

async function userWithout(...rights: string[]): Promise<string> {
  const all = ['reset', 'on', '>secret', '~*', '&*', '+@all', ...rights];
  expect(await admin.call('ACL', 'SETUSER', 'limited', ...all)).toBe('OK');
  return redis.url.replace('redis://', 'redis://limited:secret@');
}

it.each([
  ['numbers as texts, ioredis 5', () => new Redis5(redis.url, { stringNumbers: true })],
  ['numbers as texts, ioredis 6', () => new Redis6(redis.url, { stringNumbers: true })],
  ['replies as RESP3 has them', () => new Redis6(redis.url, { replyMapping: 'resp3' })],
  [
    'a time limit, pipelines and a prefix',
    () =>
      new Redis5(redis.url, {
        commandTimeout: 1,
        socketTimeout: 50,
        enableAutoPipelining: true,
        keyPrefix: 'mine:',
      }),
  ],
])('C3: a client with %s only says how to connect', async (_, connect) => {
  const client = connect();
  client.on('error', () => {});
  clients.push(client);
  const [here, there] = [make({ redis: client }), make({ redis: client })];
  expect([await here.ready(), await there.ready()]).toEqual([true, true]);
  await here.invalidate('ada');
  expect(await here.get('ada', async () => 'Ada')).toBe('Ada');
  await eventually(async () => expect(await there.get('ada', async () => 'no')).toBe('Ada'));
  expect(await here.invalidate('ada')).toBe('done');
  await eventually(() => expect(there.peek('ada')).toBeUndefined());
  expect(faults()).toEqual([]);
});

it('C8: where EVALSHA is gone, no event names a key, and Redis is down', async () => {
  const cache = make({ redis: await userWithout('-evalsha') });
  expect(await cache.ready({ timeoutMs: 500 })).toBe(false);
  expect(await cache.get('secret-key', async () => 'Ada')).toBe('Ada');
  expect(await cache.invalidate('secret-key')).toBe('pending');
  expect(ups()).toEqual([]);
  expect(faults().length).toBeGreaterThan(0);
  expect(JSON.stringify(events)).not.toContain('secret-key');
  expect(faults()[0]?.message).toContain('evalsha');
});

it('C8: a right that is taken while the cache runs ends its use of Redis, without a key in any event', async () => {
  const cache = make({ redis: await userWithout() });
  expect(await cache.ready()).toBe(true);
  await userWithout('-evalsha');
  expect(await cache.invalidate('secret-key')).toBe('pending');
  await eventually(() =>
    expect(events.findLast(({ type }) => type === 'cache-link')).toMatchObject({ state: 'down' }),
  );
  expect(JSON.stringify(events)).not.toContain('secret-key');
  await userWithout();
  await eventually(async () => expect(await cache.invalidate('secret-key')).toBe('done'));
});

it.each([
  ['the channels', ['resetchannels']],
  ['INFO', ['-info']],
  ['SCRIPT', ['-script']],
  ['SUBSCRIBE', ['-subscribe']],
])('C9: a user without %s is told once, and asked after growing pauses', async (_, rights) => {
  const cache = make({ redis: await userWithout(...rights) });
  expect(await cache.ready({ timeoutMs: 1_500 })).toBe(false);
  const before = await connections();
  await cache.ready({ timeoutMs: 2_000 });
  expect((await connections()) - before).toBeLessThan(6);
  expect(await cache.get('ada', async () => 'Ada')).toBe('Ada');
  const said = faults().filter(({ message }) => message.includes('docs/guides/cache.md'));
  expect(said).toHaveLength(1);
  expect(faults()).toHaveLength(1);
  await userWithout();
  expect(await cache.ready({ timeoutMs: 20_000 })).toBe(true);
});
