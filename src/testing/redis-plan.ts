import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { findRedis, missingBinary } from './binaries.ts';
import type { LocalRedisOptions } from './redis-kinds.ts';
import { TestingError } from './testing-error.ts';

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
export async function findRedis7(): Promise<string> {
  const file = await findRedis();
  if (file === undefined) throw missingBinary('redis');
  const { stdout } = await promisify(execFile)(file, ['--version']).catch((cause: unknown) => {
    throw new TestingError(`'${file}' is here, but does not run.`, { cause });
  });
  const [, major] = /v=(\d+)\./.exec(stdout) ?? [];
  if (Number(major) >= 7) return file;
  throw new TestingError(
    `Sentinels and clusters need Redis 7 or later; '${file}' is: ${stdout.trim()}`,
  );
}
