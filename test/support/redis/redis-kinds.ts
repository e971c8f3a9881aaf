import { type LocalRedis, type RedisKind, startLocalRedis } from 'meridian/testing';
import { afterAll, afterEach, beforeAll, describe } from 'vitest';
import {
  type IoredisClient,
  type IoredisMajor,
  ioredisMajors,
  openIoredis,
} from './redis-clients.ts';

/** What a cache may stand on: nothing but memory, or servers of a kind by a major of ioredis. */
export interface RedisGround {
  readonly kind: 'memory' | RedisKind;
  /** `undefined` for memory. */
  readonly major: IoredisMajor | undefined;
  /** The servers, with a replica for each master that can have one; started before the first test. */
  servers(): LocalRedis;
  /** What `createCache` takes as `redis`. Each call opens another client; closed after the test. */
  open(): IoredisClient | false;
}

const kinds = ['standalone', 'sentinel', 'cluster'] as const;

const variants = [
  { title: 'in memory', kind: 'memory', major: undefined },
  ...kinds.flatMap((kind) =>
    ioredisMajors.map((major) => ({ title: `on ${kind}, ioredis ${major}`, kind, major })),
  ),
] as const;

type Variant = (typeof variants)[number];

/** Defines the same tests for everything that a cache may stand on: seven times. */
export function forEachRedisKind(define: (ground: RedisGround) => void): void {
  forEach(variants, define);
}

/** Defines the same tests for everything that processes can share: six times. */
export function forEachSharedRedis(define: (ground: RedisGround) => void): void {
  forEach(
    variants.filter(({ kind }) => kind !== 'memory'),
    define,
  );
}

/** Servers of a kind serve both majors: a cluster takes longer to form than its tests to run. */
function forEach(chosen: readonly Variant[], define: (ground: RedisGround) => void): void {
  const started = new Map<RedisKind, LocalRedis>();
  afterAll(async () => {
    await Promise.all([...started.values()].map((servers) => servers.stop()));
  });
  for (const { title, kind, major } of chosen) {
    describe(title, () => {
      const clients: IoredisClient[] = [];
      const servers = () => {
        const running = kind === 'memory' ? undefined : started.get(kind);
        if (running !== undefined) return running;
        throw new Error(`no servers run ${title}`);
      };

      beforeAll(async () => {
        if (kind !== 'memory' && !started.has(kind)) started.set(kind, await start(kind));
      });
      afterEach(() => {
        for (const client of clients.splice(0)) client.disconnect();
      });

      define({
        kind,
        major,
        servers,
        open() {
          if (major === undefined) return false;
          const client = openIoredis(major, servers());
          clients.push(client);
          return client;
        },
      });
    });
  }
}

function start(kind: RedisKind): Promise<LocalRedis> {
  return kind === 'cluster' ? startLocalRedis({ kind, replicas: 1 }) : startLocalRedis({ kind });
}
