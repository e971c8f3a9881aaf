import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pass } from 'node:timers/promises';
import { createDataLayer } from 'meridian';
import { type LocalCluster, startLocalCluster } from 'meridian/testing';
import mysql from 'mysql2/promise';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { SeededRandom } from '../support/seeded-random.ts';
import { judge, readBooks, reconcile } from './ledger/audit.ts';
import { type Bank, ddl, openAccounts, tables } from './ledger/bank.ts';
import { Clients, type Manner } from './ledger/clients.ts';

/** Without root, a disk small enough to be filled can't be mounted, and the test is skipped, which it says. */
const onlyRootMayMount = process.getuid?.() !== 0;
const diskBytes = 400 * 1024 * 1024;
/** Left free on the full disk: less than a page of the tables. */
const crumbs = 8 * 1024;
const fullMs = 2_000;
const seed = Number(process.env.MERIDIAN_SEED ?? Math.floor(Math.random() * 2 ** 32));
const clients: readonly Manner[] = ['keyed', 'keyed', 'keyed', 'keyed', 'plain', 'plain'];

const before = process.env.TMPDIR;
let disk: string;
let cluster: LocalCluster<'tx-1', undefined>;
let bank: Bank;

beforeAll(async () => {
  if (onlyRootMayMount) {
    console.warn('The disk is not filled: only root may mount one that is small enough.');
    return;
  }
  disk = mkdtempSync(join(tmpdir(), 'meridian-disk-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${diskBytes}`, 'tmpfs', disk]);
  process.env.TMPDIR = disk;
  cluster = await startLocalCluster({ shards: ['tx-1'], redis: false });
  const { primary } = cluster.shards['tx-1'];
  const admin = await mysql.createConnection({ uri: primary.adminUrl });
  for (const statement of ddl) await admin.query(statement);
  await admin.end();
  bank = await createDataLayer({
    topology: {
      epoch: 1,
      regions: { eu: { code: 1, location: [50, 8], countries: ['DE'], default: true } },
      shards: { 'tx-1': { region: 'eu', primary: primary.url } },
      keyspaces: { ledger: { code: 1, strategy: 'hash', shards: ['tx-1'] } },
    },
    tables,
    redis: false,
    systemTables: 'create',
    logger: false,
  });
});

afterAll(async () => {
  if (onlyRootMayMount) return;
  await bank?.close();
  await cluster?.stop();
  if (before === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = before;
  execFileSync('umount', ['--lazy', disk]);
  rmSync(disk, { recursive: true, force: true });
});

/** Leaves hardly anything; what the server gives back meanwhile is taken as well. */
function fill(file: string): void {
  const { bavail, bsize } = statfsSync(disk);
  const bytes = bavail * bsize - crumbs;
  if (bytes > 0) writeFileSync(file, Buffer.alloc(bytes), { flag: 'a' });
}

it.skipIf(onlyRootMayMount)(
  'a disk that is full loses and doubles nothing',
  async () => {
    const owners = await openAccounts(bank, 6);
    const work = new Clients(bank, owners);
    let isOver = false;
    const running = clients.map((manner, index) =>
      work.run(manner, new SeededRandom(seed + index), () => isOver),
    );
    const { operations, codes } = work.witness;
    await expect.poll(() => operations.length).toBeGreaterThan(100);
    const filler = join(disk, 'filler');
    const fullUntil = performance.now() + fullMs;
    while (performance.now() < fullUntil) {
      fill(filler);
      await pass(20);
    }
    const failed = [...codes.values()].reduce((sum, count) => sum + count, 0);
    rmSync(filler);
    const known = operations.length;
    await expect.poll(() => operations.length, { timeout: 30_000 }).toBeGreaterThan(known + 100);
    isOver = true;
    await Promise.all(running);
    await work.settle();
    const { adminUrl } = cluster.shards['tx-1'].primary;
    // What met the full disk is held up to a minute after there is room again: MariaDB looks no sooner.
    const open = async () => (await readBooks([adminUrl])).open;
    await expect.poll(open, { timeout: 75_000, interval: 500 }).toBe(0);
    const books = await readBooks([adminUrl]);
    console.log(
      `MERIDIAN_SEED=${seed}: ${operations.length} operations, ${JSON.stringify([...codes])}`,
    );
    expect(failed, 'the disk was full').toBeGreaterThan(0);
    expect(judge(operations, books, 'keyed')).toEqual([]);
    expect(judge(operations, books, 'plain')).toEqual([]);
    expect(reconcile(owners, operations, books)).toEqual([]);
  },
  180_000,
);
