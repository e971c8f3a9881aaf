import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { type LocalCluster, startLocalCluster } from 'meridian/testing';
import { createConnection } from 'mysql2/promise';
import { findMysql } from '../../../src/testing/runners/binaries.ts';
import type { Certified } from './authority.ts';

/** A database and a Redis of the test's own that speak TLS with the certificate that it gives them. */
export interface TlsServers {
  readonly flavor: 'mariadb' | 'mysql';
  /** Where the servers' files are: `server.pem`, `server-key.pem`, `client-authorities.pem`. */
  readonly folder: string;
  /** The database's URL, with `?tls=verify`. */
  readonly url: string;
  /** The Redis, as `rediss://`, and as it is asked without TLS. */
  readonly redisUrl: string;
  readonly plainRedisUrl: string;
  /** Puts files in place and has both servers read them. */
  show(certified: Certified): Promise<void>;
  /** Runs a statement as the administrator, without TLS. */
  run(sql: string): Promise<void>;
  stop(): Promise<void>;
}

export async function startTlsServers(
  certified: Certified,
  clientAuthority: string,
): Promise<TlsServers> {
  const folder = await mkdtemp(join(tmpdir(), 'meridian-tls-'));
  const path = (name: string) => join(folder, name);
  await writeFile(path('client-authorities.pem'), clientAuthority);
  await place(folder, certified);
  const program = await findMysql();
  if (program === undefined) throw new TypeError('there is no MySQL or MariaDB on this machine');
  const { flavor } = program;
  const cluster = await startLocalCluster({
    shards: ['one'],
    // The files are on this machine.
    provider: 'process',
    mysqlArguments: [
      `--ssl-cert=${path('server.pem')}`,
      `--ssl-key=${path('server-key.pem')}`,
      `--ssl-ca=${path('client-authorities.pem')}`,
    ],
  });
  const { primary } = cluster.shards.one;
  const tlsPort = await freePort();
  const run = (sql: string) => asAdministrator(primary.adminUrl, sql);
  const reload = flavor === 'mariadb' ? 'FLUSH SSL' : 'ALTER INSTANCE RELOAD TLS';
  const redisFiles = ['tls-cert-file', path('server.pem'), 'tls-key-file', path('server-key.pem')];
  const authority = ['tls-ca-cert-file', path('client-authorities.pem'), 'tls-auth-clients', 'no'];
  await configure(cluster, [...redisFiles, ...authority]);
  await configure(cluster, ['tls-port', String(tlsPort)]);
  const url = new URL(primary.url);
  url.search = '?tls=verify';
  return {
    flavor,
    folder,
    url: url.href,
    redisUrl: `rediss://127.0.0.1:${tlsPort}`,
    plainRedisUrl: cluster.redis.url,
    run,
    async show(next) {
      await place(folder, next);
      await run(reload);
      await configure(cluster, redisFiles);
    },
    async stop() {
      await cluster.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function place(folder: string, { certificate, key }: Certified): Promise<void> {
  await writeFile(join(folder, 'server.pem'), certificate);
  await writeFile(join(folder, 'server-key.pem'), key);
}

async function configure({ redis }: LocalCluster<'one'>, settings: string[]): Promise<void> {
  const client = new Redis(redis.url);
  try {
    await client.config('SET', ...(settings as [string, string]));
  } finally {
    client.disconnect();
  }
}

async function asAdministrator(url: string, sql: string): Promise<void> {
  const connection = await createConnection(url);
  try {
    await connection.query(sql);
  } finally {
    await connection.end();
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
    server.once('error', reject);
  });
}
