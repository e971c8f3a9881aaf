/** A process with a cache, which reads as it is told and waits with each load until it may end. */
import { type CacheOptions, createCache } from 'meridian/cache';

export type ChildOptions = Pick<CacheOptions<string>, 'namespace' | 'leaseMs'> & {
  readonly redis: string;
};

/** What a child is told. `release`: loads may end, this one and all that follow. */
export type Told =
  | { readonly is: 'ask'; readonly key: string; readonly times: number; readonly value: string }
  | { readonly is: 'invalidate'; readonly key: string }
  | { readonly is: 'release' };

/** What a child says. */
export type Said =
  | { readonly is: 'ready' | 'asked' | 'loading' }
  | { readonly is: 'answered'; readonly values: readonly (string | null)[] }
  | { readonly is: 'invalidated'; readonly result: 'done' | 'pending' };

const options: ChildOptions = JSON.parse(process.argv[2] ?? '{}');
const cache = createCache<string>({ ttlMs: 60_000, commandTimeoutMs: 2_000, ...options });
let release = (): void => undefined;
const released = new Promise<void>((resolve) => {
  release = resolve;
});

function say(said: Said): void {
  process.send?.(said);
}

async function answer(told: Told): Promise<void> {
  switch (told.is) {
    case 'release':
      return release();
    case 'invalidate':
      return say({ is: 'invalidated', result: await cache.invalidate(told.key) });
    case 'ask': {
      const load = async () => {
        say({ is: 'loading' });
        await released;
        return told.value;
      };
      const gets = Array.from({ length: told.times }, () => cache.get(told.key, load));
      say({ is: 'asked' });
      say({ is: 'answered', values: await Promise.all(gets) });
    }
  }
}

process.on('message', (told: Told) => void answer(told));
process.once('disconnect', () => process.exit(0));
await cache.ready();
say({ is: 'ready' });
