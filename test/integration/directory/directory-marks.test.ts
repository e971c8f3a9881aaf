import { afterAll, beforeAll, expect, it } from 'vitest';
import { TestCluster } from '../../support/cluster.ts';
import { runChild } from '../../support/crash/child.ts';
import type { DeadlyMove } from '../../support/crash/deadly-move.ts';
import { createGroupTables, group } from '../../support/tables/groups.ts';
import { createMembers, directoryKey, members } from '../../support/tables/members.ts';

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start();
  await createGroupTables(cluster);
  await createMembers(cluster);
});

afterAll(() => cluster.stop());

const shards = ['eu-1', 'us-1'] as const;

/** On how many shards there is anything of an owner. */
async function shardsWith(id: string): Promise<string[]> {
  const found = await Promise.all(
    shards.map(async (shard) => {
      const bytes = Buffer.from(id.replaceAll('-', ''), 'hex');
      const rows = await cluster.sql(shard, 'SELECT 1 FROM users WHERE id = ?', [bytes]);
      return rows.length > 0 ? [shard] : [];
    }),
  );
  return found.flat();
}

it('the mark of a move that nobody has ended yet outlives the purge of old marks', async () => {
  const { data } = await cluster.openWith(
    { ...group, members },
    { directory: { keyspace: 'ledger', keys: [directoryKey], sweepMs: false } },
  );
  // A mover that died between its two commits: the rows have arrived, and have not left.
  const user = await data.users.insert({ country: 'DE', name: 'Ada' });
  const told: DeadlyMove = {
    topology: cluster.topology(),
    redis: cluster.redisUrl,
    owner: user.id,
    country: 'US',
    point: { from: "SET state = 'moved'", statement: 2, moment: 'after' },
  };
  expect(await runChild('relocate-and-die.ts', told)).toBe('died');
  expect(await shardsWith(user.id)).toEqual(['eu-1', 'us-1']);
  for (const shard of shards) {
    await cluster.sql(shard, 'UPDATE meridian_settlement SET settled_at = NOW(6) - INTERVAL 8 DAY');
    await cluster.sql(shard, 'UPDATE meridian_moves SET changed_at = NOW(6) - INTERVAL 8 DAY');
  }
  await data.directory.sweep();
  expect(await data.relocations.sweep()).toEqual({ finished: 0, reversed: 1 });
  expect(await shardsWith(user.id)).toEqual(['eu-1']);
});
