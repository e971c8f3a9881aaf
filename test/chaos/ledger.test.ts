import { createDataLayer } from 'meridian';
import { startChaosProxy, startLocalCluster } from 'meridian/testing';
import mysql from 'mysql2/promise';
import { expect, it } from 'vitest';
import { SeededRandom } from '../support/seeded-random.ts';
import { judge, readBooks, reconcile } from './ledger/audit.ts';
import { ddl, openAccounts, tables } from './ledger/bank.ts';
import { Clients, type Manner } from './ledger/clients.ts';
import { faultsOf } from './ledger/faults.ts';
import { torment } from './run/nemesis.ts';

const seed = Number(process.env.MERIDIAN_SEED ?? Math.floor(Math.random() * 2 ** 32));
const durationMs = Number(process.env.MERIDIAN_HISTORY_MS ?? 20_000);
const shards = ['tx-1', 'tx-2'] as const;
const clients: readonly Manner[] = [
  ...Array<Manner>(8).fill('keyed'),
  ...Array<Manner>(4).fill('plain'),
  ...Array<Manner>(4).fill('blind'),
];

it(
  'no acknowledged transfer is lost and none is applied twice, whatever breaks',
  async () => {
    const random = new SeededRandom(seed);
    await using cluster = await startLocalCluster({ shards, redis: false });
    const targets = await Promise.all(
      shards.map(async (name) => {
        const server = cluster.shards[name].primary;
        const admin = await mysql.createConnection({ uri: server.adminUrl });
        for (const statement of ddl) await admin.query(statement);
        await admin.end();
        return { name, server, proxy: await startChaosProxy({ target: server.url }) };
      }),
    );
    const [first, second] = targets.map(({ proxy, server }) => proxy.urlFor(server.url));
    const bank = await createDataLayer({
      topology: {
        epoch: 1,
        regions: { eu: { code: 1, location: [50, 8], countries: ['DE'], default: true } },
        shards: {
          'tx-1': { region: 'eu', primary: first ?? '' },
          'tx-2': { region: 'eu', primary: second ?? '' },
        },
        keyspaces: { ledger: { code: 1, strategy: 'hash', shards: [...shards] } },
      },
      tables,
      redis: false,
      systemTables: 'create',
      logger: false,
    });
    const owners = await openAccounts(bank, 12);
    const work = new Clients(bank, owners);
    const storm = {
      name: 'a storm of deadlocks',
      subject: 'clients',
      async strike() {
        work.hot = random.pick(owners);
        return {
          what: 'a storm of deadlocks',
          mend: async () => {
            work.hot = undefined;
          },
        };
      },
    };
    let isOver = false;
    const running = clients.map((manner, index) =>
      work.run(manner, new SeededRandom(seed + index), () => isOver),
    );
    const faults = [...targets.flatMap(faultsOf), storm];
    const incidents = await torment(faults, durationMs, random);
    isOver = true;
    await Promise.all(running);
    await work.applyTwice();
    const { operations, wrongSums, codes, latestMs } = work.witness;
    const unsettled = operations.filter(({ known }) => known === 'unknown').length;
    await work.settle();
    await bank.close();
    const books = await readBooks(targets.map(({ server }) => server.adminUrl));
    await Promise.all(targets.map(({ proxy }) => proxy.close()));

    const told = [...codes].map(([code, count]) => `${count} ${code.slice(9)}`).join(', ');
    console.log(
      `MERIDIAN_SEED=${seed}: ${operations.length} operations under ${incidents.length} incidents; ${told}; ` +
        `${unsettled} unknown at first; the latest answer came ${Math.round(latestMs)} ms after its deadline\n` +
        incidents.map(({ at, text }) => `  ${at} ${text}`).join('\n'),
    );
    for (const manner of ['keyed', 'plain'] as const) {
      expect(judge(operations, books, manner), `MERIDIAN_SEED=${seed}`).toEqual([]);
    }
    const open = operations.filter(
      ({ manner, known }) => manner === 'keyed' && known === 'unknown',
    );
    expect(open, 'a key settles every outcome once the storm is over').toEqual([]);
    expect(reconcile(owners, operations, books), `MERIDIAN_SEED=${seed}`).toEqual([]);
    expect(wrongSums, `MERIDIAN_SEED=${seed}`).toEqual([]);
    expect(books.open).toBe(0);
    // The audit finds what a blind retry does: at least the one that was put in on purpose.
    expect(judge(operations, books, 'blind').length).toBeGreaterThan(0);
  },
  durationMs + 120_000,
);
