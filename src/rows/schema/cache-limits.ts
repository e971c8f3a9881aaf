import { checkNumbers, freshnessOf, milliseconds, tierBounds } from '../../cache/cache-options.ts';
import type { CacheConfig } from '../../cache/read-through.ts';
import { digitsOf } from '../../cache/redis/entry-text.ts';
import { didYouMean } from '../../config/did-you-mean.ts';
import type { Problem } from '../../errors/config-error.ts';
import type { PlannedColumn } from './planned-column.ts';
import type { CachePolicy } from './row-schema.ts';

type Limits = Pick<
  CacheConfig<unknown>,
  'freshness' | 'memory' | 'compressOverBytes' | 'errorTtlMs' | 'shadowRate'
>;

const otherKeys = ['memory', 'version'];
const bounds = { ...tierBounds, maxLagMs: milliseconds };
const usualLagMs = 300_000;

/** A table's cache policy with every default filled in. */
export function cacheLimits(policy: CachePolicy): Limits {
  const { maxEntries = 10_000, maxBytes = 64 * 1_024 * 1_024 } = policy;
  return {
    freshness: freshnessOf(policy),
    memory: policy.memory === false ? undefined : { maxEntries, maxBytes },
    compressOverBytes: policy.compressOverBytes ?? Number.POSITIVE_INFINITY,
    errorTtlMs: 0,
    shadowRate: policy.shadowRate ?? 0,
  };
}

/** What tells which of two rows is the older, if the policy names a column that does. */
export function versioning({ version, maxLagMs = usualLagMs }: CachePolicy): {
  readonly versionOf?: (row: Readonly<Record<string, unknown>>) => string;
  /** Milliseconds for which a change is remembered, a whole number; 0: not at all. */
  readonly markMs: number;
} {
  if (version === undefined) return { markMs: 0 };
  return {
    versionOf: (row) => {
      const value = row[version];
      return typeof value === 'number' || typeof value === 'bigint' ? digitsOf(value) : '';
    },
    markMs: Math.ceil(maxLagMs),
  };
}

/** Reports what is wrong with a table's cache policy. */
export function checkCache(
  policy: CachePolicy | undefined,
  columns: ReadonlyMap<string, PlannedColumn>,
  report: (path: string, message: string) => void,
): void {
  if (policy === undefined) return;
  const known = [...Object.keys(bounds), ...otherKeys];
  for (const key of Object.keys(policy)) {
    if (!known.includes(key)) report(`cache.${key}`, `unknown key${didYouMean(key, known)}`);
  }
  const problems: Problem[] = [];
  checkNumbers(policy, bounds, ['ttlMs'], problems);
  for (const { path, message } of problems) report(`cache.${path}`, message);
  const { memory, version, maxLagMs } = policy;
  if (memory !== undefined && typeof memory !== 'boolean') {
    report('cache.memory', 'must be true or false');
  }
  if (version === undefined) {
    if (maxLagMs !== undefined) {
      report(
        'cache.maxLagMs',
        'is of rows with a version, which replicas may load: give cache.version',
      );
    }
    return;
  }
  const column = columns.get(version);
  const isWhole = column?.kind === 'integer' || column?.kind === 'bigint';
  if (isWhole && !column.nullable && !column.optional) return;
  report('cache.version', `'${version}' is no column of whole numbers that every row has`);
}
