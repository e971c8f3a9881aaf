import * as six from 'ioredis';
import * as five from 'ioredis-5';
import type { MeridianEvent } from 'meridian';
import { createCache } from 'meridian/cache';
import { type LocalRedis, startLocalRedis } from 'meridian/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { certificate, startTlsProxy, type TlsProxy } from '../../../support/tls/tls-proxy.ts';

interface TlsOptions {
  host: string;
  port: number;
  tls: { ca: string };
  lazyConnect: boolean;
}

let redis: LocalRedis;
let proxy: TlsProxy;

beforeAll(async () => {
  redis = await startLocalRedis({ kind: 'standalone' });
  proxy = await startTlsProxy(redis.servers[0]?.port ?? 0);
});

afterAll(async () => {
  await proxy.close();
  await redis.stop();
});

it.each([
  ['ioredis 5', (options: TlsOptions) => new five.Redis(options)],
  ['ioredis 6', (options: TlsOptions) => new six.Redis(options)],
])('commands and invalidations travel by TLS, as the client of %s says', async (_, clientOf) => {
  const tls = { ca: certificate };
  const client = clientOf({ host: '127.0.0.1', port: proxy.port, tls, lazyConnect: true });
  const open = () => createCache<string>({ redis: client, namespace: 'tls', ttlMs: 60_000 });
  const [here, there] = [open(), open()];
  expect([await here.ready(), await there.ready()]).toEqual([true, true]);
  await here.get('ada', async () => 'Ada');
  expect(await here.invalidate('ada')).toBe('done');
  expect(await there.get('ada', async () => 'Grace')).toBe('Grace');
  await Promise.all([here.close(), there.close()]);
  expect(client.status).toBe('wait');
});

it('a server that can not prove who it is is not used, and reads go on without', async () => {
  const events: MeridianEvent[] = [];
  const cache = createCache<string>({
    redis: `rediss://127.0.0.1:${proxy.port}`,
    namespace: 'tls',
    ttlMs: 60_000,
    observer: (event) => events.push(event),
  });
  expect(await cache.ready({ timeoutMs: 500 })).toBe(false);
  expect(await cache.get('ada', async () => 'Ada')).toBe('Ada');
  expect(await cache.invalidate('ada')).toBe('pending');
  await cache.close();
  expect(events).toContainEqual(
    expect.objectContaining({
      type: 'cache-fault',
      operation: 'connection',
      message: expect.stringMatching(/self.signed/),
    }),
  );
});
