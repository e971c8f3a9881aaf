import { isMeridianError } from 'meridian';
import mysql, { type Connection } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { failureOf, TestCluster } from '../../support/cluster.ts';
import { type NumberingProxy, startNumberingProxy } from '../../support/servers/numbering-proxy.ts';

let cluster: TestCluster;
let proxy: NumberingProxy;
let rival: Connection;

beforeAll(async () => {
  cluster = await TestCluster.start();
});
afterAll(() => cluster.stop());

beforeEach(async () => {
  proxy = await startNumberingProxy(cluster.url('eu-1'));
  rival = await mysql.createConnection(cluster.url('eu-1'));
});
afterEach(async () => {
  rival.destroy();
  await proxy.close();
});

const through = () => cluster.open({ topology: cluster.topology({ 'eu-1': proxy.url }) });

it('behind a proxy with numbers of its own a write is over once it can not land any more, and not before', async () => {
  const { data } = await through();
  const { id } = await data.users.insert({ country: 'DE', name: 'before' });
  await rival.query('BEGIN');
  await rival.query('SELECT * FROM users FOR UPDATE');
  const error = await failureOf(data.users.update(id, { name: 'after' }, { timeoutMs: 300 }));
  if (!isMeridianError(error)) throw error;
  expect(error.outcome).toBe('unknown');
  let ended: string | undefined;
  void error.ended?.then((how) => {
    ended = how;
  });
  // Reads of the cache go on meanwhile, and are not kept for longer than the write may land.
  expect(await data.users.get(id)).toMatchObject({ name: 'before' });
  await expect.poll(() => cluster.running('eu-1', 'update%users%')).toBe(1);
  expect(ended).toBeUndefined();
  await rival.query('COMMIT');
  expect(await error.ended).toBe('over');
  expect(await cluster.running('eu-1', 'update%users%')).toBe(0);
  const [stored] = await cluster.sql('eu-1', 'SELECT name FROM users WHERE id = UNHEX(?)', [
    id.replaceAll('-', ''),
  ]);
  expect(await data.users.get(id)).toMatchObject({ name: stored?.name });
  await data.close();
});

it('behind a proxy with numbers of its own nobody else is killed', async () => {
  const [[row]] = await rival.query<mysql.RowDataPacket[]>('SELECT CONNECTION_ID() AS id');
  await rival.query('BEGIN');
  await rival.query("INSERT INTO users VALUES (UNHEX(REPLACE(UUID(), '-', '')), 'DE', 'rival')");
  proxy.greetAs(Number(row?.id));
  const { data } = await through();
  const { id } = await data.users.insert({ country: 'DE', name: 'any' });
  const error = await failureOf(
    data.users.at(id).query('SELECT SLEEP(2) AS pause', [], { timeoutMs: 200 }),
  );
  expect(error).toMatchObject({ code: 'MERIDIAN_TIMEOUT' });
  await expect.poll(() => cluster.running('eu-1', 'select sleep%'), { timeout: 10_000 }).toBe(0);
  await expect(rival.query('COMMIT')).resolves.toBeDefined();
  await data.close();
});
