import { type Executable, type ServerLocation, versionOf } from '../mysql/server-location.ts';
import { findRedis, missingBinary } from '../runners/binaries.ts';
import { TestingError } from '../testing-error.ts';
import type { LocalRedisOptions } from './redis-kinds.ts';

/** Servers that work together; the options of their kind with the defaults, checked. */
export interface RedisPlan {
  readonly kind: 'sentinel' | 'cluster';
  readonly replicas: number;
  readonly startTimeoutMs: number;
  readonly progress: (message: string) => void;
}

const replicasOf = { sentinel: [1, 2], cluster: [0, 1, 2] } as const;

/** @throws TestingError that names the option at fault. */
export function redisPlanOf(
  options: Exclude<LocalRedisOptions, { kind: 'standalone' }>,
): RedisPlan {
  const { kind, startTimeoutMs = 30_000, onProgress: progress = () => {} } = options;
  const provider: string = options.provider ?? 'auto';
  if (provider !== 'process' && provider !== 'auto') {
    throw new TestingError(
      `startLocalRedis: kind '${kind}' runs as processes only: 'provider' must be 'process' or 'auto'.`,
      { context: { option: 'provider' } },
    );
  }
  const allowed: readonly number[] = replicasOf[kind];
  const replicas = options.replicas ?? allowed[0] ?? 0;
  if (!allowed.includes(replicas)) {
    throw new TestingError(
      `startLocalRedis: 'replicas' of kind '${kind}' must be one of ${allowed.join(', ')}.`,
      { context: { option: 'replicas' } },
    );
  }
  if (!(startTimeoutMs > 0)) {
    throw new TestingError(
      "startLocalRedis: 'startTimeoutMs' must be a number of milliseconds above 0.",
      { context: { option: 'startTimeoutMs' } },
    );
  }
  return { kind, replicas, startTimeoutMs, progress };
}

/**
 * Finds a Redis whose cluster takes any port for its bus, and whose Sentinel can be made quick.
 *
 * @throws TestingError when there is none, or an older one.
 */
export async function findRedis7(given: ServerLocation | undefined): Promise<Executable> {
  const executable = await findRedis(given);
  if (executable === undefined) throw missingBinary('redis');
  const version = await versionOf(executable);
  const [, major] = /v=(\d+)\./.exec(version) ?? [];
  if (Number(major) >= 7) return executable;
  throw new TestingError(
    `Sentinels and clusters need Redis 7 or later; '${executable.file}' is: ${version}`,
  );
}
