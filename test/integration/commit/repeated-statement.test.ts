import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { accountOn, failureOf, TestCluster } from '../../support/cluster.ts';

let cluster: TestCluster;
let server: Server | undefined;

beforeAll(async () => {
  cluster = await TestCluster.start();
});

afterAll(async () => {
  server?.close();
  await cluster.stop();
});

const comStmtExecute = 0x17;

/** What a server answers whose prepared statement has to be prepared anew: error 1615. */
function outdated(): Buffer {
  const message = Buffer.from('#HY000Prepared statement needs to be re-prepared');
  const body = Buffer.concat([Buffer.from([0xff, 1615 & 255, 1615 >> 8]), message]);
  return Buffer.concat([Buffer.from([body.length & 255, body.length >> 8, 0, 1]), body]);
}

it('A1: a statement that is prepared anew is not sent after its transaction was rolled back', async () => {
  const target = new URL(cluster.url('tx-1'));
  let isArmed = false;
  let answered = 0;
  let fail: (error: Error) => void = () => undefined;
  server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    client.on('data', (bytes: Buffer) => {
      if (!isArmed || bytes[4] !== comStmtExecute) return upstream.write(bytes);
      isArmed = false;
      answered++;
      // The body ends while its statement is under way, and only then the server answers.
      fail(new Error('the body changed its mind'));
      return setImmediate(() => client.write(outdated()));
    });
    upstream.on('data', (bytes: Buffer) => client.write(bytes));
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = new URL(target);
  url.hostname = '127.0.0.1';
  url.port = String((server.address() as AddressInfo).port);
  const { data } = await cluster.open({
    topology: cluster.topology({ 'tx-1': url.href }),
    pool: { connections: 1 },
  });
  const account = accountOn('tx-1', data.transactions);
  const insert = 'INSERT INTO transactions (id, account_id, cents) VALUES (UUID(), ?, ?)';
  const { at } = data.transactions;
  await at(account).transaction((trx) => trx.execute(insert, [account, 1]));
  for (let round = 0; round < 10; round++) {
    const failing = new Promise<never>((_, reject) => {
      fail = reject;
    });
    const work = at(account).transaction(async (trx) => {
      isArmed = true;
      await Promise.all([trx.execute(insert, [account, 1_000 + round]), failing]);
    });
    expect(String(await failureOf(work))).toContain('changed its mind');
    // The pool's one connection: what was sent before has been carried out.
    await at(account).query('SELECT 1');
  }
  expect(answered).toBe(10);
  const stored = await cluster.sql('tx-1', 'SELECT cents FROM transactions');
  expect(stored).toEqual([{ cents: '1' }]);
});
