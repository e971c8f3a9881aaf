import { randomUUID } from 'node:crypto';
import { ConfigError, type TopologyDocument } from 'meridian';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { accountOn, failureOf, shardNames, TestCluster } from '../../support/cluster.ts';
import { eventually } from '../../support/eventually.ts';
import { addressOf } from '../../support/servers/address-switch.ts';
import { tables } from '../../support/tables.ts';

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.startOwn(1);
});

afterAll(() => cluster.stop());

/** Every database is new again. */
beforeEach(async () => {
  for (const shard of shardNames) {
    await cluster.sql(shard, 'DROP TABLE IF EXISTS meridian_identity, meridian_facts');
    await cluster.sql(shard, `DELETE FROM ${shard.startsWith('tx') ? 'transactions' : 'users'}`);
  }
});

async function start(topology: TopologyDocument = cluster.topology()): Promise<void> {
  const { data } = await cluster.open({ topology, redis: false });
  await data.close();
}

async function refusal(topology: TopologyDocument): Promise<string> {
  const error = await failureOf(start(topology));
  expect(error).toBeInstanceOf(ConfigError);
  return error instanceof ConfigError ? error.message : '';
}

function changed(change: (topology: TopologyDocument) => void): TopologyDocument {
  const topology = structuredClone(cluster.topology());
  change(topology);
  return topology;
}

/** The document without a shard, nor its region where that has no other. */
function without(shard: 'us-1' | 'tx-2'): TopologyDocument {
  return changed((topology) => {
    delete topology.shards[shard];
    for (const keyspace of Object.values(topology.keyspaces)) {
      keyspace.shards = keyspace.shards.filter((name) => name !== shard);
    }
    if (shard === 'tx-2') return;
    delete topology.regions.us;
    for (const other of Object.values(topology.shards)) other.region = 'eu';
  });
}

async function fill(): Promise<void> {
  const { data } = await cluster.open({ redis: false });
  await data.users.insert({ country: 'DE', name: 'Ada' });
  await data.transactions.insert({ account_id: 'a', cents: 1n });
  await data.close();
}

describe('A6: what an address leads to', () => {
  it('A6: the URL of a replica is refused as that of a primary', async () => {
    await start();
    const [replica] = cluster.cluster.shards['tx-1'].replicas;
    const wrong = cluster.topology({ 'tx-1': replica?.url ?? '' });
    if (wrong.shards['tx-1'] !== undefined) wrong.shards['tx-1'].replicas = [];
    expect(await refusal(wrong)).toMatch(/shards\.tx-1\.primary: this server is read-only/);
  });

  it('A6: a connection that leads to another shard than at the start is not used', async () => {
    const address = await addressOf(cluster.url('tx-1'));
    const { data } = await cluster.open({
      topology: cluster.topology({ 'tx-1': address.url }),
      redis: false,
    });
    try {
      const account = accountOn('tx-1', data.transactions);
      await data.transactions.insert({ account_id: account, cents: 1n });
      address.leadTo(cluster.url('tx-2'));
      for (const { id } of await cluster.sql(
        'tx-1',
        'SELECT id FROM information_schema.processlist WHERE db IS NOT NULL AND id <> CONNECTION_ID()',
      )) {
        await cluster.sql('tx-1', `KILL CONNECTION ${id}`);
      }
      const insert = () => data.transactions.insert({ account_id: account, cents: 2n });
      await eventually(async () => {
        expect(await failureOf(insert())).toMatchObject({
          code: 'MERIDIAN_UNAVAILABLE',
          message: expect.stringContaining("leads to shard 'tx-2'"),
          outcome: 'not-applied',
        });
      });
      expect(await cluster.sql('tx-2', 'SELECT id FROM transactions')).toEqual([]);
      address.leadTo(cluster.url('tx-1'));
      await eventually(insert);
    } finally {
      await data.close();
      await address.close();
    }
  });

  it('A6: who runs on slots that were recorded anew gets no new connection', async () => {
    const old = await cluster.open({ redis: false, breaker: { failures: 1_000 } });
    const larger = changed(({ shards }) => {
      if (shards['tx-1'] !== undefined) shards['tx-1'].weight = 3;
    });
    await start({ ...larger, epoch: 2 });
    const account = accountOn('tx-1', old.data.transactions);
    const failure = await failureOf(
      Promise.all(
        Array.from({ length: 8 }, () =>
          old.data.transactions.at(account).query('SELECT SLEEP(0.2)'),
        ),
      ),
    );
    expect(failure).toMatchObject({ message: expect.stringContaining('recorded anew') });
    await old.data.close();
  });
});

describe('A6: what a topology says is recorded in the databases', () => {
  it('A6: swapped region codes are refused', async () => {
    await fill();
    const swapped = changed(({ regions }) => {
      const { eu, us } = regions;
      if (eu !== undefined) eu.code = 2;
      if (us !== undefined) us.code = 1;
    });
    const message = await refusal(swapped);
    expect(message).toMatch(
      /shards\.eu-1\.region: .*'eu-1' is 'region 2' here, but .* has 'region 1' on record/,
    );
    await start();
  });

  it('A6: regions of two shards that are swapped are refused', async () => {
    await fill();
    const swapped = changed(({ shards }) => {
      const { 'eu-1': eu, 'us-1': us } = shards;
      if (eu !== undefined) eu.region = 'us';
      if (us !== undefined) us.region = 'eu';
    });
    expect(await refusal(swapped)).toMatch(/shards\.us-1\.region: /);
  });

  it('A6: another code of a hash keyspace is refused', async () => {
    await fill();
    const other = changed(({ keyspaces }) => {
      if (keyspaces.ledger !== undefined) keyspaces.ledger.code = 9;
    });
    expect(await refusal(other)).toMatch(
      /keyspaces\.ledger\.code: .* is '9' here, but .* has '2' on record/,
    );
  });

  it('A6: an empty keyspace takes another code with a higher epoch, and only then', async () => {
    await start();
    const other = changed(({ keyspaces }) => {
      if (keyspaces.ledger !== undefined) keyspaces.ledger.code = 9;
    });
    expect(await refusal(other)).toMatch(/keyspaces\.ledger\.code/);
    await start({ ...other, epoch: 2 });
    await start({ ...other, epoch: 2 });
  });

  it('T4: a region that is dropped by mistake is refused, also while what is left holds no row', async () => {
    await fill();
    const message = await refusal({ ...without('us-1'), epoch: 2 });
    expect(message).toMatch(/keyspaces\.people\.shards: leaves out shard 'us-1'/);
    expect(message).toMatch(/DELETE FROM meridian_facts WHERE fact = 'member\/us-1'/);
    await start();
  });

  it('T4: a shard of a hash keyspace that is dropped is refused before its slots are recorded anew', async () => {
    await start();
    await cluster.sql('tx-2', `INSERT INTO transactions VALUES ('${randomUUID()}', 'a', 1)`);
    expect(await refusal({ ...without('tx-2'), epoch: 2 })).toMatch(/leaves out shard 'tx-2'/);
    await start();
  });

  it('T5: an older epoch is refused once a newer one was in use', async () => {
    await start({ ...cluster.topology(), epoch: 3 });
    expect(await refusal({ ...cluster.topology(), epoch: 2 })).toMatch(
      /epoch: the epoch of the topology is '2' here, but .* has '3' on record/,
    );
    await start({ ...cluster.topology(), epoch: 4 });
  });

  it('A6: two maps of an empty keyspace that are founded at once: one is refused', async () => {
    const heavier = changed(({ shards }) => {
      if (shards['tx-1'] !== undefined) shards['tx-1'].weight = 3;
    });
    for (let turn = 0; turn < 5; turn++) {
      for (const shard of shardNames) {
        await cluster.sql(shard, 'DROP TABLE IF EXISTS meridian_identity, meridian_facts');
      }
      const ends = await Promise.allSettled([start(), start(heavier)]);
      expect(ends.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    }
  });

  it('A6: the same epoch gives an empty keyspace no other slots', async () => {
    const heavier = changed(({ shards }) => {
      if (shards['tx-1'] !== undefined) shards['tx-1'].weight = 3;
    });
    await start();
    expect(await refusal(heavier)).toMatch(/higher epoch/);
    await start({ ...heavier, epoch: 2 });
  });

  it('A6: a database that was recorded before there were facts records them at its first start', async () => {
    await fill();
    for (const shard of shardNames) await cluster.sql(shard, 'DROP TABLE meridian_facts');
    await start();
    const facts = await cluster.sql('us-1', 'SELECT fact, value FROM meridian_facts');
    expect(facts).toContainEqual({ fact: 'member/eu-1', value: 'region 1' });
    expect(facts).toContainEqual({ fact: 'topology/epoch', value: '1' });
  });

  it("A6: systemTables: 'verify' prints what creates the table of facts", async () => {
    await start();
    for (const shard of shardNames) await cluster.sql(shard, 'DROP TABLE meridian_facts');
    const opening = cluster.open({ redis: false, systemTables: 'verify' });
    const error = await failureOf(opening);
    if (!(error instanceof ConfigError)) throw error;
    for (const [index, shard] of shardNames.entries()) {
      const [, ddl] = (error.problems[index]?.message ?? '').split('run:\n');
      expect(ddl).toContain('meridian_facts');
      await cluster.sql(shard, ddl ?? '');
    }
    await (await cluster.open({ redis: false, systemTables: 'verify' })).data.close();
  });
});

describe('tables that hold rows before they are used for the first time', () => {
  const accountOf = async () => {
    const { data } = await cluster.open({ redis: false });
    const account = accountOn('tx-1', data.transactions);
    await data.transactions.insert({ account_id: account, cents: 1n });
    await data.users.insert({ country: 'DE', name: 'Ada' });
    await data.close();
    for (const shard of shardNames) {
      await cluster.sql(shard, 'DROP TABLE meridian_identity, meridian_facts');
    }
    return account;
  };
  const identities = () =>
    Promise.all(
      shardNames.map((shard) => cluster.sql(shard, "SHOW TABLES LIKE 'meridian_identity'")),
    );

  it('are taken where each row is where its key leads', async () => {
    await accountOf();
    await start();
  });

  it('are refused where rows would be looked for elsewhere, and nothing is recorded', async () => {
    const account = await accountOf();
    const [row] = await cluster.sql('tx-1', 'SELECT * FROM transactions');
    await cluster.sql('tx-2', 'INSERT INTO transactions (id, account_id, cents) VALUES (?, ?, 1)', [
      row?.id,
      account,
    ]);
    await cluster.sql('eu-1', "UPDATE users SET id = UNHEX(REPLACE(UUID(), '-', ''))");
    const message = await refusal(cluster.topology());
    expect(message).toMatch(/tables\.transactions: shard 'tx-2' .* 1 of the 1/);
    expect(message).toMatch(/tables\.users: shard 'eu-1' .* 1 of the 1/);
    expect(message).not.toContain(account);
    expect((await identities()).flat()).toEqual([]);
  });

  it('are refused too when a service declares them later', async () => {
    const { data } = await cluster.openWith({ users: tables.users }, { redis: false });
    await data.close();
    await cluster.sql(
      'tx-2',
      "INSERT INTO transactions (id, account_id, cents) VALUES (UUID(), 'somebody', 1)",
    );
    expect(await refusal(cluster.topology())).toMatch(/tables\.transactions: shard 'tx-2'/);
  });
});
