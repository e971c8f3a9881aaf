import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Executable } from '../mysql/server-location.ts';
import { loopback, type ProcessHost, ProcessRunner } from '../runners/process-runner.ts';
import { answersRedis, type Probe } from '../runners/readiness.ts';
import { RedisServerHandle } from './redis-server.ts';

/**
 * Arguments that make a Redis keep what it acknowledged when its process is killed: each write
 * reaches the kernel before its reply is sent.
 */
export const redisPersistence = ['--appendonly', 'yes', '--appendfsync', 'no', '--save', ''];

/** Arguments without which a replica's first copy of the data begins only after five seconds. */
export const replicationSettings = ['--repl-diskless-sync-delay', '0'];

/** One Redis process to start. */
export interface RedisProgram {
  readonly name: string;
  readonly kind?: 'redis' | 'sentinel';
  /** The first text of the file in which the server itself keeps what changes while it runs. */
  readonly config?: string;
  /** More ports to reserve: a cluster node listens on a second one. */
  readonly extraPorts?: number;
  readonly probe?: Probe;
  settings?(extraPorts: readonly number[]): readonly string[];
}

/** Starts one Redis process with an empty data folder of its own. */
export async function startRedisProcess(
  executable: Executable,
  host: ProcessHost,
  program: RedisProgram,
): Promise<RedisServerHandle> {
  const { name, config, kind = 'redis' } = program;
  const folder = join(host.supervisor.folder, `${name}-data`);
  await mkdir(folder);
  const configFile = join(folder, 'redis.conf');
  if (config !== undefined) await writeFile(configFile, config);
  const runner = await ProcessRunner.onFreePort(
    {
      name,
      ...executable,
      log: join(host.supervisor.folder, `${name}.log`),
      probe: program.probe ?? answersRedis,
      extraPorts: program.extraPorts ?? 0,
      argumentsFor: (port, extraPorts) => [
        ...(config === undefined ? [] : [configFile]),
        ...(kind === 'sentinel' ? ['--sentinel'] : []),
        ...['--port', `${port}`, '--bind', loopback, '--dir', folder],
        ...(program.settings?.(extraPorts) ?? []),
        ...(kind === 'sentinel' ? [] : redisPersistence),
      ],
    },
    host,
  );
  return new RedisServerHandle({ name, host: loopback, port: runner.port }, runner, kind);
}
