import { type DataLayer, isMeridianError, type MeridianError } from 'meridian';
import type { ChaosProxy } from 'meridian/testing';
import mysql, { type Connection } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { failureOf, type Opened, TestCluster } from '../../support/cluster.ts';
import type { tables } from '../../support/tables.ts';

let cluster: TestCluster;
let proxy: ChaosProxy;
let opened: Opened<typeof tables>;
let data: DataLayer<typeof tables>;
let rival: Connection;

beforeAll(async () => {
  cluster = await TestCluster.start();
  const before = await cluster.proxy('eu-1');
  proxy = before.proxy;
  opened = await cluster.open({
    topology: cluster.topology({ 'eu-1': before.url }),
    pool: { connections: 4 },
  });
  data = opened.data;
});

afterAll(() => cluster.stop());

beforeEach(async () => {
  rival = await mysql.createConnection(cluster.cluster.shards['eu-1'].primary.adminUrl);
});

afterEach(async () => {
  proxy.heal();
  await rival.end();
});

const running = () => cluster.running('eu-1', 'update%users%');
const stored = async (id: string) => {
  const rows = await cluster.sql('eu-1', 'SELECT name FROM users WHERE id = UNHEX(?)', [
    id.replaceAll('-', ''),
  ]);
  return rows[0]?.name;
};

async function lockedUser(): Promise<string> {
  const { id } = await data.users.insert({ country: 'DE', name: 'before' });
  await data.users.get(id);
  await rival.query('BEGIN');
  await rival.query('UPDATE users SET name = name WHERE id = UNHEX(?)', [id.replaceAll('-', '')]);
  await rival.query('SELECT * FROM users WHERE id = UNHEX(?) FOR UPDATE', [id.replaceAll('-', '')]);
  return id;
}

function unknown(error: unknown): MeridianError {
  if (!isMeridianError(error)) throw error;
  expect(error.outcome).toBe('unknown');
  return error;
}

describe('a write whose caller is told that its outcome is unknown', () => {
  it('A3: whose connection is cut while it waits for a lock is ended before its caller hears of it', async () => {
    const id = await lockedUser();
    const write = failureOf(data.users.update(id, { name: 'after' }));
    await expect.poll(running).toBe(1);
    proxy.reset();
    const error = unknown(await write);
    await error.ended;
    await rival.query('COMMIT');
    expect(await running()).toBe(0);
    expect(await stored(id)).toBe('before');
    // What the message says to do is right: it is over, so it is applied once.
    await data.users.update(id, { name: 'again' });
    expect(await data.users.get(id)).toMatchObject({ name: 'again' });
    expect(await stored(id)).toBe('again');
  });

  it('A3: that lands while its server can’t be asked is seen at once afterwards', async () => {
    const id = await lockedUser();
    const write = failureOf(data.users.update(id, { name: 'late' }));
    await expect.poll(running).toBe(1);
    proxy.blackHole();
    proxy.reset();
    const error = unknown(await write);
    expect(error.ended).toBeInstanceOf(Promise);
    await rival.query('COMMIT');
    await expect.poll(() => stored(id)).toBe('late');
    proxy.heal();
    await error.ended;
    await expect.poll(async () => (await data.users.get(id))?.name).toBe('late');
  });

  it('A3: that timed out on a server with no room for the KILL is known to run on', async () => {
    // A second connection, for the reader.
    const id = await lockedUser();
    const sleep = () => data.users.at(id).query('SELECT SLEEP(0.05)');
    await Promise.all([sleep(), sleep(), sleep()]);
    const [[limit]] = await rival.query<mysql.RowDataPacket[]>('SELECT @@max_connections AS n');
    const write = failureOf(data.users.update(id, { name: 'late' }, { timeoutMs: 500 }));
    await expect.poll(running).toBe(1);
    await rival.query('SET GLOBAL max_connections = 10');
    const others: Connection[] = [];
    const url = cluster.url('eu-1');
    for (;;) {
      const other = await mysql.createConnection(url).catch(() => undefined);
      if (other === undefined) break;
      others.push(other);
    }
    const error = unknown(await write);
    let isOver = false;
    void error.ended?.then(() => {
      isOver = true;
    });
    expect(await data.users.get(id)).toMatchObject({ name: 'before' });
    expect(isOver).toBe(false);
    await rival.query('COMMIT');
    await expect.poll(() => stored(id)).toBe('late');
    await Promise.all(others.map((other) => other.end()));
    await rival.query('SET GLOBAL max_connections = ?', [limit?.n]);
    await error.ended;
    await expect.poll(async () => (await data.users.get(id))?.name).toBe('late');
  });

  it('A3: insertMany as well', async () => {
    const id = data.users.newId({ country: 'DE', name: 'many' });
    const key = id.replaceAll('-', '');
    await rival.query('BEGIN');
    await rival.query('INSERT INTO users VALUES (UNHEX(?), ?, ?)', [key, 'DE', 'rival']);
    expect(await data.users.get(id)).toBeNull();
    const write = failureOf(data.users.insertMany([{ id, country: 'DE', name: 'many' }]));
    await expect.poll(() => cluster.running('eu-1', 'insert%users%')).toBe(1);
    proxy.blackHole();
    proxy.reset();
    const error = unknown(await write);
    proxy.heal();
    await rival.query('ROLLBACK');
    await error.ended;
    const name = await stored(id);
    await expect.poll(async () => (await data.users.get(id))?.name).toBe(name);
  });
});
