import { ConfigError } from 'meridian';
import { type CacheOptions, createCache } from 'meridian/cache';
import { expect, it } from 'vitest';

const good = { redis: false, namespace: 'test', ttlMs: 60_000 } as const;

/** The problems that a change of good options is refused for. */
function problemsOf(change: object): ConfigError['problems'] {
  const options: CacheOptions<unknown> = { ...good, ...change };
  try {
    createCache(options);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

it.each([
  ['redis', undefined],
  ['namespace', ''],
  ['namespace', 'a b'],
  ['namespace', '{a}'],
  ['ttlMs', undefined],
  ['ttlMs', 0],
  ['ttlMs', -1],
  ['ttlMs', Number.NaN],
  ['ttlMs', 2 ** 31],
  ['ttlMs', '60'],
  ['staleMs', -1],
  ['staleIfErrorMs', Number.POSITIVE_INFINITY],
  ['negativeTtlMs', -1],
  ['jitter', 1.1],
  ['maxGapMs', 10],
  ['maxEntries', 0],
  ['maxBytes', 0],
  ['commandTimeoutMs', 0],
  ['leaseMs', 1],
  ['loadTimeoutMs', 0],
  ['loadConcurrency', 0],
  ['loadQueue', -1],
  ['errorTtlMs', -1],
  ['compressOverBytes', -1],
  ['maxEntryBytes', 0],
  ['shadowRate', 2],
  ['memory', 'no'],
  ['schema', 1],
  ['decode', {}],
  ['version', 'revision'],
  ['observer', 'pino'],
  ['memoryTtlMs', 1_000],
])('%s can not be %j', (option, value) => {
  expect(problemsOf({ [option]: value }).map(({ path }) => path)).toEqual([option]);
});

it('all mistakes are told at once, and a misspelt name is recognised', () => {
  const problems = problemsOf({ ttlMs: 0, jitter: -1, stalMs: 5 });
  expect(problems.map(({ path }) => path).sort()).toEqual(['jitter', 'stalMs', 'ttlMs']);
  expect(problems.find(({ path }) => path === 'stalMs')?.message).toContain('staleMs');
});
