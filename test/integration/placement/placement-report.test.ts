import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DataLayer } from 'meridian';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { accountOn, failureOf, TestCluster } from '../../support/cluster.ts';
import type { tables } from '../../support/tables.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
let cluster: TestCluster;
let data: DataLayer<typeof tables>;
let proxied: Awaited<ReturnType<TestCluster['proxy']>>;
let folder: string;

beforeAll(async () => {
  cluster = await TestCluster.start();
  proxied = await cluster.proxy('tx-2');
  const topology = cluster.topology({ 'tx-2': proxied.url });
  ({ data } = await cluster.open({ topology, retry: { attempts: 1 } }));
  const rows = (['tx-1', 'tx-1', 'tx-1', 'tx-2'] as const).map((shard, index) => ({
    account_id: accountOn(shard, data.transactions, `a${index}`),
    cents: 1n,
  }));
  await data.transactions.insertMany(rows);
  // A name that must be quoted, and what has no rows of its own.
  await cluster.sql('tx-1', 'CREATE TABLE `odd ``name` (id INT PRIMARY KEY)');
  await cluster.sql('tx-1', 'INSERT INTO `odd ``name` VALUES (1), (2)');
  await cluster.sql('tx-1', 'CREATE VIEW everything AS SELECT * FROM transactions');
  folder = await mkdtemp(join(tmpdir(), 'meridian-placement-'));
});

afterEach(() => proxied.proxy.heal());

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await cluster.stop();
});

const ledgerOf = ({ keyspaces }: Awaited<ReturnType<typeof data.placement>>) =>
  keyspaces.find(({ name }) => name === 'ledger');

it('counts the rows of every table but its own, when asked to', async () => {
  const report = await data.placement({ exact: true });
  expect(report).toMatchObject({ epoch: 1, exact: true, complete: true });
  expect(ledgerOf(report)?.shards).toMatchObject([
    { shard: 'tx-1', region: 'eu', rows: 5 },
    { shard: 'tx-2', region: 'us', rows: 1 },
  ]);
  expect(ledgerOf(report)?.skew.rows).toBeCloseTo(5 / 3, 2);
  const slots = ledgerOf(report)?.shards.reduce((sum, shard) => sum + shard.slots, 0);
  expect(slots).toBe(16_384);
});

it('gives estimates of rows, and bytes, without reading a table', async () => {
  const report = await data.placement();
  expect(report).toMatchObject({ exact: false, complete: true });
  for (const { rows, bytes } of report.keyspaces.flatMap(({ shards }) => shards)) {
    expect(rows).toBeGreaterThanOrEqual(0);
    expect(bytes).toBeGreaterThan(0);
  }
});

it('says of a shard that it did not answer, and reports the rest', async () => {
  proxied.proxy.refuse();
  proxied.proxy.reset();
  const down = await data.placement({ exact: true });
  expect(down.complete).toBe(false);
  expect(ledgerOf(down)?.shards[1]).toMatchObject({
    rows: null,
    bytes: null,
    error: 'MERIDIAN_UNAVAILABLE',
  });
  expect(ledgerOf(down)?.shards[0]?.rows).toBe(5);
  expect(ledgerOf(down)?.skew).toMatchObject({ rows: null, bytes: null });
});

it('waits no longer than its deadline for a shard that hangs', async () => {
  const hang = proxied.proxy.blackHole();
  const report = await data.placement({ timeoutMs: 300 });
  hang.undo();
  expect(ledgerOf(report)?.shards[1]?.error).toBe('MERIDIAN_TIMEOUT');
  expect(ledgerOf(report)?.shards[0]?.rows).not.toBeNull();
});

it('is given up with its caller, and refused after close', async () => {
  const aborted = data.placement({ signal: AbortSignal.abort() });
  expect(await failureOf(aborted)).toMatchObject({ code: 'MERIDIAN_ABORTED' });
  const { data: closed } = await cluster.open();
  await closed.close();
  expect(await failureOf(closed.placement())).toMatchObject({ code: 'MERIDIAN_CLOSED' });
});

async function command(...args: string[]) {
  return new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    const program = ['--import', 'tsx', join(root, 'src/cli/meridian.ts'), 'placement'];
    const running = execFile(
      process.execPath,
      [...program, ...args],
      { cwd: root },
      (_, stdout, stderr) => resolve({ code: running.exitCode ?? -1, stdout, stderr }),
    );
  });
}

async function topologyFile(urls: Parameters<TestCluster['topology']>[0] = {}): Promise<string> {
  const path = join(folder, 'topology.json');
  await writeFile(path, JSON.stringify(cluster.topology(urls)));
  return path;
}

const password = () => new URL(cluster.url('tx-1')).password;

it('the command prints a table and draws a chart, without a password', async () => {
  const svg = join(folder, 'chart.svg');
  const { code, stdout, stderr } = await command(await topologyFile(), '--exact', '--svg', svg);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  expect(stdout).toMatch(/^tx-1 +eu +[\d,]+ +5 +[\d.]+ KiB$/m);
  expect(stdout).toMatch(/^skew +1\.00 +1\.67 +/m);
  const drawn = await readFile(svg, 'utf8');
  expect(drawn).toContain('<svg');
  expect(password()).not.toBe('');
  expect(stdout + drawn).not.toContain(password());
});

it('the command prints JSON for programs', async () => {
  const { code, stdout } = await command(await topologyFile(), '--json', '--exact');
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toEqual(await data.placement({ exact: true }));
});

it('the command reports what it can while a shard is down, or is another one', async () => {
  proxied.proxy.refuse();
  const down = await command(await topologyFile({ 'tx-2': proxied.url }), '--timeout', '10');
  expect(down.code).toBe(1);
  expect(down.stderr).toContain('Incomplete');
  expect(down.stdout).toMatch(/^tx-2 .* not known +MERIDIAN_UNAVAILABLE$/m);
  const swapped = { 'tx-1': cluster.url('tx-2'), 'tx-2': cluster.url('tx-1') };
  const wrong = await command(await topologyFile(swapped));
  expect(wrong.code).toBe(1);
  expect(wrong.stdout).toMatch(/^tx-1 .* not known +MERIDIAN_CONFIG$/m);
  expect(JSON.stringify([down, wrong])).not.toContain(password());
});

it.each([
  [[], 'Usage:'],
  [['a.json', 'b.json'], 'Usage:'],
  [['--exactly'], "Unknown option '--exactly'"],
  [['none.json'], 'none.json: can not be read'],
  [['package.json'], 'epoch'],
  [['a.json', '--timeout', 'soon'], '--timeout is a number of seconds'],
])('the command refuses %j', async (args, message) => {
  const { code, stdout, stderr } = await command(...args);
  expect(code).toBe(2);
  expect(stdout).toBe('');
  expect(stderr).toContain(message);
  expect(stderr).not.toMatch(/^ +at /m);
});

it('the command refuses a chart that can not be written', async () => {
  const missing = join(folder, 'no', 'such', 'folder.svg');
  const { code, stderr } = await command(await topologyFile(), '--svg', missing);
  expect(code).toBe(2);
  expect(stderr).toContain('could not be written');
});
