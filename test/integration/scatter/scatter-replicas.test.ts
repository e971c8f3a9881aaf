import mysql from 'mysql2/promise';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Opened, TestCluster } from '../../support/cluster.ts';
import { eventually } from '../../support/eventually.ts';
import type { tables } from '../../support/tables.ts';

let cluster: TestCluster;
let opened: Opened<typeof tables>;

beforeAll(async () => {
  cluster = await TestCluster.startOwn(1);
  opened = await cluster.open();
});

afterAll(() => cluster.stop());

async function replication(verb: 'START' | 'STOP', shard: 'eu-1' | 'us-1'): Promise<void> {
  const url = cluster.cluster.shards[shard].replicas[0]?.adminUrl ?? '';
  const connection = await mysql.createConnection(url);
  try {
    await connection.query(`${verb} REPLICA SQL_THREAD`);
  } finally {
    await connection.end();
  }
}

it('A11: an owner who moves while replicas lag is there once, whichever is asked', async () => {
  const { users } = opened.data;
  const replica = { consistency: 'replica' } as const;
  const readOnly = await users.everywhere.each('SELECT @@read_only AS r', [], replica);
  // As long as nobody has moved, replicas answer.
  expect(readOnly.map(({ rows }) => Number(rows[0]?.r))).toEqual([1, 1]);
  for (const lagging of ['eu-1', 'us-1'] as const) {
    const { id, name } = await users.insert({ country: 'DE', name: `Ada of ${lagging}` });
    const found = (options: object) =>
      users.everywhere.query('SELECT name FROM users WHERE name = ?', [name], options);
    await eventually(async () => expect(await found(replica)).toHaveLength(1));
    await replication('STOP', lagging);
    await users.relocate(id, { country: 'US' });
    expect(await found(replica), `${lagging} lags`).toEqual([{ name }]);
    expect(await found({}), `${lagging} lags`).toEqual([{ name }]);
    await replication('START', lagging);
  }
});
