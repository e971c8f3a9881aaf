import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startLocalCluster, startLocalRedis } from 'meridian/testing';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'meridian-location-'));
});

afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

/** A program that notes that it was run, and is the machine's own. */
function wrapper(name: string): { readonly file: string; ran(): boolean } {
  const file = join(folder, name);
  const note = `${file}.ran`;
  writeFileSync(
    file,
    `#!/bin/sh\necho "$@" >> ${note}\nPATH="$PATH:/usr/sbin" exec ${name} "$@"\n`,
    {
      mode: 0o755,
    },
  );
  return { file, ran: () => readFileSync(note, 'utf8').includes('--version') };
}

describe('a server of one’s own choice', () => {
  it('is a program at a path, given or by the environment', async () => {
    const redis = wrapper('redis-server');
    await using given = await startLocalCluster({ shards: [], redis: { file: redis.file } });
    expect(given.provider).toBe('process');
    expect(await given.redis.role()).toBe('master');
    expect(readFileSync(`${redis.file}.ran`, 'utf8')).toContain(`--port ${given.redis.port}`);

    vi.stubEnv('MERIDIAN_TEST_REDIS', redis.file);
    await using named = await startLocalRedis({ kind: 'sentinel' });
    expect(redis.ran()).toBe(true);
    expect(readFileSync(`${redis.file}.ran`, 'utf8')).toContain(`--port ${named.servers[0]?.port}`);
    vi.unstubAllEnvs();
  });

  it.each([
    [{ mysql: { root: '/nowhere' } }, /no mariadbd or mysqld in the root '\/nowhere'/],
    [{ mysql: { file: '/nowhere/mysqld' } }, /'\/nowhere\/mysqld' does not run/],
    [{ mysql: { file: '' } }, /'mysql' must be \{ file \} with the path/],
    [{ redis: { root: '' } }, /'redis' must be true, false or \{ file \}/],
    [{ redis: { file: '/x' }, provider: 'container' as const }, /runs as a process/],
  ])('%j is refused', async (options, message) => {
    await expect(startLocalCluster({ shards: ['a'], ...options })).rejects.toThrow(message);
  });

  it('a variable that names nothing is refused by name', async () => {
    vi.stubEnv('MERIDIAN_TEST_MYSQL', '/nowhere');
    await expect(startLocalCluster({ shards: ['a'] })).rejects.toThrow(
      "MERIDIAN_TEST_MYSQL names '/nowhere', which can't be read.",
    );
    vi.unstubAllEnvs();
  });
});
