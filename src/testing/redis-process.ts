import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { loopback, type ProcessHost, ProcessRunner } from './process-runner.ts';
import { answersRedis } from './readiness.ts';
import { ServerHandle } from './server-handle.ts';

/**
 * Arguments that make a Redis keep what it acknowledged when its process is killed: each write
 * reaches the kernel before its reply is sent.
 */
export const redisPersistence = ['--appendonly', 'yes', '--appendfsync', 'no', '--save', ''];

/** Starts one Redis process with an empty data folder of its own. */
export async function startRedisProcess(file: string, host: ProcessHost): Promise<ServerHandle> {
  const name = 'redis';
  const folder = join(host.supervisor.folder, 'redis-data');
  await mkdir(folder);
  const runner = await ProcessRunner.onFreePort(
    {
      name,
      file,
      log: join(host.supervisor.folder, 'redis.log'),
      probe: answersRedis,
      argumentsFor: (port) => [
        ...['--port', `${port}`, '--bind', loopback, '--dir', folder],
        ...redisPersistence,
      ],
    },
    host,
  );
  const { port } = runner;
  return new ServerHandle(
    { name, host: loopback, port, url: `redis://${loopback}:${port}` },
    runner,
  );
}
