import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { Redis } from 'ioredis';
import {
  type LocalCluster,
  type LocalServer,
  type MysqlServer,
  startLocalCluster,
} from 'meridian/testing';
import mysql, { type Connection, type RowDataPacket } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { isAlive } from '../../support/processes.ts';

let cluster: LocalCluster<'eu-1' | 'us-1'>;
const progress: string[] = [];
const cleanups: (() => unknown)[] = [];

beforeAll(async () => {
  cluster = await startLocalCluster({
    shards: ['eu-1', 'us-1'],
    replicas: 1,
    onProgress: (message) => progress.push(message),
  });
});

afterAll(() => cluster.stop());

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function connectTo(url: string): Promise<Connection> {
  const connection = await mysql.createConnection(url);
  connection.on('error', () => undefined);
  cleanups.push(() => connection.destroy());
  return connection;
}

async function rows(url: string, sql: string): Promise<RowDataPacket[]> {
  const connection = await mysql.createConnection(url);
  try {
    const [found] = await connection.query<RowDataPacket[]>(sql);
    return found;
  } finally {
    connection.destroy();
  }
}

async function execute(url: string, sql: string): Promise<void> {
  const connection = await mysql.createConnection(url);
  try {
    await connection.query(sql);
  } finally {
    connection.destroy();
  }
}

async function redis<T>(url: string, use: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(url, { retryStrategy: () => null });
  try {
    return await use(client);
  } finally {
    client.disconnect();
  }
}

async function accepts({ host, port }: LocalServer): Promise<boolean> {
  const socket = connect({ host, port });
  socket.on('error', () => undefined);
  try {
    await once(socket, 'connect');
    // In front of a container stands a proxy of the engine; only the server itself says something.
    return await Promise.race([
      once(socket, 'data').then(() => true),
      once(socket, 'close').then(() => false),
    ]);
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

const serversOf = (of: LocalCluster<string>) =>
  Object.values(of.shards).flatMap(({ primary, replicas }) => [primary, ...replicas]);

describe('a cluster', () => {
  it('has the servers that were asked for, each on a port of its own', async () => {
    expect(Object.keys(cluster.shards)).toEqual(['eu-1', 'us-1']);
    const servers = [...serversOf(cluster), cluster.redis];
    expect(servers.map(({ name }) => name)).toEqual([
      'eu-1',
      'eu-1-replica-1',
      'us-1',
      'us-1-replica-1',
      'redis',
    ]);
    expect(new Set(servers.map(({ port }) => port)).size).toBe(servers.length);
    expect(new Set(servers.map(({ state }) => state))).toEqual(new Set(['running']));
    expect(cluster.state).toBe('running');
    for (const { name, port } of servers) {
      expect(progress).toContainEqual(
        expect.stringMatching(new RegExp(`^${name} answers on port ${port} `)),
      );
    }
    for (const server of serversOf(cluster)) {
      expect(await rows(server.url, 'SELECT DATABASE() AS name')).toEqual([{ name: 'app' }]);
    }
    expect(await redis(cluster.redis.url, (client) => client.ping())).toBe('PONG');
  });

  it('keeps the data of its shards apart', async () => {
    const [eu, us] = [cluster.shards['eu-1'].primary, cluster.shards['us-1'].primary];
    await execute(eu.url, 'CREATE TABLE apart (id INT PRIMARY KEY)');
    await expect(rows(us.url, 'SELECT * FROM apart')).rejects.toMatchObject({
      code: 'ER_NO_SUCH_TABLE',
    });
  });

  it('runs servers that are strict, speak utf8mb4 and write a binary log with GTIDs', async () => {
    const { url, adminUrl } = cluster.shards['eu-1'].primary;
    const [settings] = await rows(
      adminUrl,
      `SELECT @@sql_mode AS mode, @@character_set_database AS characters, @@log_bin AS log,
         @@binlog_format AS format, @@innodb_flush_log_at_trx_commit AS flush, VERSION() AS version`,
    );
    expect(settings).toMatchObject({
      mode: expect.stringContaining('STRICT_TRANS_TABLES'),
      characters: 'utf8mb4',
      log: 1,
      format: 'ROW',
      flush: 1,
    });
    const gtid = /mariadb/i.test(settings?.version) ? '@@gtid_binlog_pos' : '@@gtid_executed';
    const before = await rows(adminUrl, `SELECT ${gtid} AS position`);
    await execute(url, 'CREATE TABLE counted (id INT PRIMARY KEY)');
    expect(await rows(adminUrl, `SELECT ${gtid} AS position`)).not.toEqual(before);
  });

  it('gives the application its database, triggers and its own connections, and no more', async () => {
    const { url } = cluster.shards['eu-1'].primary;
    await execute(url, 'CREATE TABLE guarded (id INT PRIMARY KEY)');
    await execute(url, 'CREATE TRIGGER guard BEFORE INSERT ON guarded FOR EACH ROW SET @seen = 1');
    const victim = await connectTo(url);
    const query = victim.query('SELECT SLEEP(1000)').catch((error: unknown) => error);
    await execute(url, `KILL ${victim.threadId}`);
    expect(await query).toBeInstanceOf(Error);
    await expect(execute(url, 'CREATE DATABASE other')).rejects.toMatchObject({
      code: 'ER_DBACCESS_DENIED_ERROR',
    });
  });

  it('needs less than 150 MB of memory for each MariaDB, less than 240 MB for each MySQL', async () => {
    const [told] = await rows(cluster.shards['eu-1'].primary.url, 'SELECT VERSION() AS version');
    const megabytes = /mariadb/i.test(told?.version) ? 150 : 240;
    for (const { pid } of serversOf(cluster)) {
      if (cluster.provider === 'container') {
        expect(pid).toBeUndefined();
        continue;
      }
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      const [, kilobytes] = /VmRSS:\s+(\d+) kB/.exec(status) ?? [];
      expect(Number(kilobytes)).toBeLessThan(megabytes * 1024);
    }
  });
});

describe('a MySQL server', () => {
  const eu = (): MysqlServer => cluster.shards['eu-1'].primary;

  it('keeps its port and what it acknowledged through a kill', async () => {
    const { url, port } = eu();
    await execute(url, 'CREATE TABLE acknowledged (id INT PRIMARY KEY)');
    const writer = await connectTo(url);
    const written: number[] = [];
    const writing = (async () => {
      for (let id = 0; ; id += 1) {
        await writer.query('INSERT INTO acknowledged VALUES (?)', [id]);
        written.push(id);
      }
    })().catch((error: unknown) => error);
    await vi.waitUntil(() => written.length > 100);
    await eu().kill();
    expect(await writing).toBeInstanceOf(Error);
    expect(eu().state).toBe('killed');
    expect(eu().pid).toBeUndefined();
    expect(await accepts(eu())).toBe(false);
    await eu().kill();

    await eu().restart();
    expect(eu()).toMatchObject({ state: 'running', port, url });
    const found = await rows(url, 'SELECT id FROM acknowledged ORDER BY id');
    expect(found.map(({ id }) => id)).toEqual(expect.arrayContaining(written));
  });

  it('stops in good order and starts again', async () => {
    await execute(eu().url, 'CREATE TABLE stopped (id INT PRIMARY KEY)');
    await eu().stop();
    expect(eu().state).toBe('stopped');
    expect(await accepts(eu())).toBe(false);
    await eu().restart();
    expect(await rows(eu().url, 'SELECT * FROM stopped')).toEqual([]);
  });

  it('restarts while it runs, and while it is paused', async () => {
    const before = eu().pid;
    await eu().restart();
    if (cluster.provider === 'process') expect(eu().pid).not.toBe(before);
    await eu().pause();
    await eu().restart();
    expect(await rows(eu().url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('answers nothing while it is paused', async () => {
    const connection = await connectTo(eu().url);
    await eu().pause();
    expect(eu().state).toBe('paused');
    let answered = false;
    const query = connection.query('SELECT 1').then(() => {
      answered = true;
    });
    // The other shard has answered a question that was asked later.
    await rows(cluster.shards['us-1'].primary.url, 'SELECT 1');
    expect(answered).toBe(false);
    await eu().resume();
    await query;
    expect(eu().state).toBe('running');
  });

  it('is paused and resumed only while it runs', async () => {
    await eu().kill();
    await expect(eu().pause()).rejects.toMatchObject({
      code: 'MERIDIAN_TESTING',
      message: "Server 'eu-1' is killed and cannot be paused. Call restart() first.",
    });
    await expect(eu().resume()).rejects.toThrow(/cannot be resumed/);
    await eu().restart();
    await eu().resume();
    expect(eu().state).toBe('running');
  });

  it('does what it is told in turn', async () => {
    await Promise.all([eu().kill(), eu().restart(), eu().pause(), eu().resume(), eu().restart()]);
    expect(await rows(eu().url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('says when it ended by itself', async () => {
    const { pid } = eu();
    await execute(eu().adminUrl, 'SHUTDOWN').catch(() => undefined);
    // Seen of a process at once; a container is only known to do what it was told to.
    const seen = pid === undefined ? 'running' : 'crashed';
    await eventually(() => expect(eu().state).toBe(seen));
    await vi.waitUntil(async () => !(await accepts(eu())));
    await eu().restart();
    expect(eu().state).toBe('running');
  });
});

describe('a replica', () => {
  const shard = () => cluster.shards['us-1'];
  const replica = (): MysqlServer => {
    const [first] = shard().replicas;
    if (!first) throw new Error('no replica');
    return first;
  };

  async function untilReplicated(table: string, ids: number[]): Promise<void> {
    await eventually(
      async () => {
        const found = await rows(replica().url, `SELECT id FROM ${table} ORDER BY id`);
        expect(found.map(({ id }) => id)).toEqual(ids);
      },
      { timeout: 20_000 },
    );
  }

  it('follows its primary by GTID and takes no writes', async () => {
    await execute(shard().primary.url, 'CREATE TABLE followed (id INT PRIMARY KEY)');
    await execute(shard().primary.url, 'INSERT INTO followed VALUES (1)');
    await untilReplicated('followed', [1]);
    await expect(execute(replica().url, 'INSERT INTO followed VALUES (2)')).rejects.toMatchObject({
      code: 'ER_OPTION_PREVENTS_STATEMENT',
    });
    const [position] = await rows(
      shard().primary.adminUrl,
      'SELECT VERSION() AS version, @@server_id AS id',
    );
    const [source] = await rows(replica().adminUrl, 'SHOW REPLICA STATUS');
    if (/mariadb/i.test(position?.version))
      expect(source).toMatchObject({ Using_Gtid: 'Slave_Pos' });
    else expect(source).toMatchObject({ Auto_Position: 1 });
  });

  it('goes on after its primary was killed, and after it was killed itself', async () => {
    await execute(shard().primary.url, 'CREATE TABLE resumed (id INT PRIMARY KEY)');
    await shard().primary.kill();
    await shard().primary.restart();
    await execute(shard().primary.url, 'INSERT INTO resumed VALUES (1)');
    await untilReplicated('resumed', [1]);

    await replica().kill();
    await execute(shard().primary.url, 'INSERT INTO resumed VALUES (2)');
    await replica().restart();
    await untilReplicated('resumed', [1, 2]);
  });
});

describe('a Redis server', () => {
  it('keeps its port and what it acknowledged through a kill', async () => {
    const { url, port } = cluster.redis;
    const runId = () => redis(url, async (client) => /run_id:\w+/.exec(await client.info())?.[0]);
    const before = await runId();
    await redis(url, (client) => client.set('kept', 'yes'));
    await cluster.redis.kill();
    expect(await accepts(cluster.redis)).toBe(false);
    await cluster.redis.restart();
    expect(cluster.redis.port).toBe(port);
    expect(await redis(url, (client) => client.get('kept'))).toBe('yes');
    expect(await runId()).not.toBe(before);
  });

  it('is left out when it is not wanted', async () => {
    const without = await startLocalCluster({ shards: [], redis: false });
    expect(without.redis).toBeUndefined();
    await without.stop();
  });
});

describe('two clusters at once', () => {
  it('do not touch each other', async () => {
    const other = await startLocalCluster({ shards: ['eu-1'], database: 'elsewhere' });
    cleanups.push(() => other.stop());
    const [ours, theirs] = [cluster.shards['eu-1'].primary, other.shards['eu-1'].primary];
    expect(theirs.port).not.toBe(ours.port);
    expect(await rows(theirs.url, 'SELECT DATABASE() AS name')).toEqual([{ name: 'elsewhere' }]);
    const stolen = new URL(ours.url);
    stolen.port = `${theirs.port}`;
    await expect(rows(stolen.href, 'SELECT 1')).rejects.toMatchObject({
      code: 'ER_ACCESS_DENIED_ERROR',
    });

    await other.stop();
    expect(await accepts(theirs)).toBe(false);
    expect([other.state, theirs.state, other.redis.state]).toEqual(Array(3).fill('stopped'));
    expect(await rows(ours.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await expect(theirs.restart()).rejects.toThrow(/was stopped/);
  });
});

describe('nothing is left', () => {
  const program = `
    const { startLocalCluster } = await import(process.argv[1]);
    const cluster = await startLocalCluster({ shards: ['a', 'b'] });
    const servers = [cluster.shards.a.primary, cluster.shards.b.primary, cluster.redis];
    console.log(JSON.stringify(servers.map(({ url, adminUrl, host, port, pid }) =>
      ({ url, adminUrl, host, port, pid }))));
    if (process.argv[2] === 'wait') setInterval(() => {}, 1000);
  `;

  interface Seen {
    readonly host: string;
    readonly port: number;
    readonly adminUrl: string;
    readonly pid?: number;
  }

  async function runProgram(then: 'wait' | 'end'): Promise<[ChildProcess, Seen[]]> {
    const entry = new URL('../../../src/testing/index.ts', import.meta.url).href;
    const child = spawn(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '-e', program, entry, then],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    cleanups.push(() => child.kill('SIGKILL'));
    const [line] = await once(createInterface(child.stdout), 'line');
    return [child, JSON.parse(line)];
  }

  function seenOf(...servers: LocalServer[]): Seen[] {
    return servers.map(({ host, port, url, pid }) => ({
      ...{ host, port, adminUrl: url },
      ...(pid !== undefined && { pid }),
    }));
  }

  function childrenOfThisProcess(): number[] {
    const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
    const parentOf = (pid: string) => {
      try {
        return /^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
      } catch {
        return undefined;
      }
    };
    return pids.filter((pid) => parentOf(pid) === `${process.pid}`).map(Number);
  }

  async function untilGone(servers: Seen[], folder: string): Promise<void> {
    await eventually(
      async () => {
        for (const { host, port, pid } of servers) {
          if (pid !== undefined) expect(isAlive(pid)).toBe(false);
          const socket = connect({ host, port });
          const refused = expect(once(socket, 'connect')).rejects;
          // Nobody listens to a server that is still there, and resets us a moment later.
          socket.on('error', () => undefined);
          await refused.toMatchObject({ code: 'ECONNREFUSED' }).finally(() => socket.destroy());
        }
        expect(existsSync(folder)).toBe(false);
      },
      { timeout: 20_000 },
    );
  }

  async function dataFolderOf([first]: Seen[]): Promise<string> {
    const [row] = await rows(first?.adminUrl ?? '', 'SELECT @@datadir AS folder');
    return row?.folder;
  }

  it('when the test process is killed with SIGKILL', async () => {
    const [child, servers] = await runProgram('wait');
    // A container's folder is not this machine's; then it was never here, and is not left either.
    const folder = dirname(await dataFolderOf(servers));
    child.kill('SIGKILL');
    await untilGone(servers, folder === '/var/lib' ? '/nonexistent' : folder);
  });

  it('when the test process ends without stopping its cluster', async () => {
    const [child, servers] = await runProgram('end');
    const [code] = child.exitCode === null ? await once(child, 'exit') : [child.exitCode];
    expect(code).toBe(0);
    await untilGone(servers, '/nonexistent');
  });

  it('when a cluster is stopped', async () => {
    const stopped = await startLocalCluster({ shards: ['one'] });
    const seen = seenOf(stopped.shards.one.primary, stopped.redis);
    await Promise.all([stopped.stop(), stopped.stop()]);
    await untilGone(seen, '/nonexistent');
  });

  it('when the supervisor of a cluster is killed', async () => {
    const before = childrenOfThisProcess();
    const orphaned = await startLocalCluster({ shards: ['one'] });
    const [supervisor, ...others] = childrenOfThisProcess().filter((pid) => !before.includes(pid));
    if (supervisor === undefined) throw new Error('the cluster has no supervisor');
    expect(others).toEqual([]);
    const seen = seenOf(orphaned.shards.one.primary, orphaned.redis);
    process.kill(supervisor, 'SIGKILL');
    await untilGone(seen, '/nonexistent');
    await expect(orphaned.redis.restart()).rejects.toThrow(/was stopped/);
    await orphaned.stop();
  });

  it('when a server does not start', async () => {
    const failure = startLocalCluster({ shards: ['slow'], redis: false, startTimeoutMs: 1 });
    await expect(failure).rejects.toMatchObject({
      code: 'MERIDIAN_TESTING',
      message: expect.stringMatching(/^Server 'slow' did not answer within 1 ms/),
    });
  });
});

describe('options', () => {
  it("arguments of one's own come after the cluster's, which they override", async () => {
    const mysqlArguments = ['--sql-mode=ANSI_QUOTES', '--max-connections=77'];
    await using cluster = await startLocalCluster({ shards: ['a'], redis: false, mysqlArguments });
    const asked = await mysql.createConnection(cluster.shards.a.primary.url);
    const [rows] = await asked.query('SELECT @@GLOBAL.sql_mode AS mode, @@max_connections AS most');
    await asked.end();
    expect(rows).toEqual([{ mode: 'ANSI_QUOTES', most: 77 }]);
  });

  it.each([
    [{ shards: ['a', 'a'] }, /'shards' must be a list .* without repeats/],
    [{ shards: [''] }, /'shards' must be a list of names/],
    [{ shards: ['a'], replicas: -1 }, /'replicas' must be an integer from 0/],
    [{ shards: ['a'], database: 'a`b' }, /'database' must be letters/],
    [{ shards: ['a'], startTimeoutMs: 0 }, /'startTimeoutMs' must be a number/],
    [{ shards: 5 }, /'shards' must be a list/],
    [{ shards: [], shard: ['a'] }, /no option 'shard'; did you mean 'shards'\?/],
    [{ shards: [], redis: 'x' }, /'redis' must be true, false or/],
    [{ shards: [], mysql: null }, /'mysql' must be \{ file \}/],
    [{ shards: [], mysqlArguments: ['sql-mode=ANSI'] }, /'mysqlArguments' must be a list of arg/],
    [{ shards: [], onProgress: 5 }, /'onProgress' must be a function/],
    [{ shards: [], replicas: 1e300 }, /'replicas' must be an integer from 0 to 20/],
  ])('%j is refused', async (options, message) => {
    await expect(startLocalCluster(Object(options))).rejects.toThrow(message);
  });

  it('an unknown provider is refused', async () => {
    vi.stubEnv('MERIDIAN_TEST_PROVIDER', 'cloud');
    cleanups.push(() => vi.unstubAllEnvs());
    await expect(startLocalCluster({ shards: ['a'] })).rejects.toThrow(/not 'cloud'/);
  });
});
