import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { fileTopology } from 'meridian';
import { type LocalCluster, startLocalCluster } from 'meridian/testing';
import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { type Opened, shardNames, TestCluster } from '../../support/cluster.ts';
import { type CodeBlock, codeBlocks } from '../../support/docs/code-blocks.ts';
import { eventually } from '../../support/eventually.ts';
import { isMariadb } from '../../support/servers/server-flavor.ts';
import type { tables } from '../../support/tables.ts';

/**
 * The runbooks of the guide, block by block, while two services follow the file and are under load. After each
 * block more is written and read, also by connections that are opened anew.
 */
const root = fileURLToPath(new URL('../../..', import.meta.url));
const guide = 'docs/guides/change-topology.md';
const blocks = codeBlocks(root).filter(({ page, language }) => page === guide && language !== 'ts');

let cluster: TestCluster<LocalCluster<(typeof shardNames)[number]>>;
/** Where the new region will be. */
let added: LocalCluster<'ap-1', undefined>;
let folder: string;
let services: Opened<typeof tables>[];
let env: Record<string, string>;
const failures: unknown[] = [];
const clients: Promise<void>[] = [];
let calls = 0;
let isOver = false;

const asShop = (text: string) => {
  const url = new URL(text);
  url.username = 'shop';
  url.password = 'old';
  return url.href;
};

beforeAll(async () => {
  [cluster, added] = await Promise.all([
    TestCluster.startOwn(1),
    startLocalCluster({ shards: ['ap-1'], redis: false }),
  ]);
  await onAllServers("CREATE USER 'shop'@'%' IDENTIFIED BY 'old'");
  await onAllServers("GRANT ALL ON app.* TO 'shop'@'%'");
  const { url } = await cluster.proxy('eu-1');
  const [replica] = cluster.cluster.shards['us-1'].replicas;
  env = {
    NEW_PRIMARY: asShop(url),
    NEW_REPLICA: asShop(replica?.url ?? ''),
    EU_1: asShop(cluster.url('eu-1')),
    AP_1: asShop(added.shards['ap-1'].primary.url),
    DB_USER: isMariadb ? 'shop2' : 'shop',
    DB_PASSWORD: 'the new one',
  };
  folder = await mkdtemp(join(tmpdir(), 'meridian-runbook-'));
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  const urls = Object.fromEntries(shardNames.map((name) => [name, asShop(cluster.url(name))]));
  const { shards, ...rest } = cluster.topology(urls);
  const alone = Object.entries(shards).map(([name, { region, primary }]) => [
    name,
    { region, primary },
  ]);
  const document = { ...rest, shards: Object.fromEntries(alone) };
  await writeFile(join(folder, 'topology.json'), JSON.stringify(document));
  const module = blocks.find(({ file }) => file === 'change.mjs');
  await writeFile(join(folder, 'change.mjs'), module?.text ?? '');
  const open = () =>
    cluster.open({ topology: fileTopology(join(folder, 'topology.json')), drainMs: 300 });
  services = [await open(), await open()];
  for (const service of services) clients.push(client(service), client(service));
});

afterAll(async () => {
  isOver = true;
  await Promise.all(clients);
  await cluster.stop();
  await added.stop();
  await rm(folder, { recursive: true });
});

async function onAllServers(sql: string): Promise<void> {
  const servers = [...Object.values(cluster.cluster.shards), added.shards['ap-1']];
  for (const { primary, replicas } of servers) {
    const connection = await createConnection(primary.adminUrl);
    // Replicas get it from their primaries.
    await connection.query(sql);
    await connection.end();
    expect(replicas.length).toBeLessThan(2);
  }
}

async function client({ data }: Opened<typeof tables>): Promise<void> {
  while (!isOver) {
    try {
      const { id } = await data.users.insert({
        country: calls % 2 === 0 ? 'SG' : 'DE',
        name: 'Ada',
      });
      expect(await data.users.get(id, { consistency: 'primary' })).toMatchObject({ name: 'Ada' });
      await data.users.update(id, { name: 'Grace' });
      await data.transactions.insert({ account_id: `account-${calls}`, cents: 1n });
    } catch (error) {
      failures.push(error);
    }
    calls++;
  }
}

const epochSchema = z.object({ epoch: z.int() });

async function run({ language, text }: CodeBlock): Promise<void> {
  if (language === 'sql') {
    await onAllServers(text);
  } else {
    await writeFile(join(folder, 'step.mjs'), text);
    await promisify(execFile)(process.execPath, ['step.mjs'], {
      cwd: folder,
      env: { ...process.env, ...env },
    });
  }
  const { epoch } = epochSchema.parse(
    JSON.parse(await readFile(join(folder, 'topology.json'), 'utf8')),
  );
  await eventually(
    () => {
      for (const { data } of services) {
        expect(data.topology()).toMatchObject({ epoch, refused: null, fault: null });
      }
    },
    { timeout: 30_000 },
  );
  // More at once than before: connections are opened with what is in force now.
  for (const service of services) clients.push(client(service));
  const begun = calls;
  await eventually(() => expect(calls).toBeGreaterThan(begun + 20), { timeout: 20_000 });
  expect(failures).toEqual([]);
}

/** The blocks under a heading, in their order, for the database that this is. */
function stepsOf(heading: string): CodeBlock[] {
  const others = isMariadb ? /CURRENT PASSWORD|DISCARD/ : /shop2|DROP USER/;
  return blocks.filter(
    ({ section, file, text, language }) =>
      section === heading && file === undefined && !(language === 'sql' && others.test(text)),
  );
}

it('an address is changed and a replica added', async () => {
  const steps = stepsOf('Change an address, add a replica');
  expect(steps).toHaveLength(2);
  for (const step of steps) await run(step);
  for (const { data, events } of services) {
    const swaps = events.filter(({ type }) => type === 'topology');
    expect(swaps).toMatchObject([
      { added: ['eu-1/primary'], removed: ['eu-1/primary'] },
      { added: ['us-1/replica-1'], removed: [] },
    ]);
    const { id } = await data.users.insert({ country: 'US', name: 'Ada' });
    const { endpoints } = data.users.explain(id);
    expect(endpoints).toMatchObject([{ isAsked: true }, { role: 'replica', isAsked: true }]);
  }
}, 90_000);

it('a region is added', async () => {
  const steps = stepsOf('Add a region');
  expect(steps).toHaveLength(3);
  for (const step of steps) await run(step);
  for (const { data } of services) {
    const { id } = await data.users.insert({ country: 'JP', name: 'Ada' });
    expect(data.users.explain(id)).toMatchObject({ shard: 'ap-1', region: 'ap' });
    expect(await data.users.get(id, { consistency: 'primary' })).toMatchObject({ country: 'JP' });
  }
}, 90_000);

/** Its connections are closed `drainMs` after the services follow. */
async function expectNobodyIsShop(): Promise<void> {
  for (const shard of shardNames) {
    const sessions = await cluster.sql(shard, 'SHOW PROCESSLIST');
    expect(sessions.filter(({ User }) => User === 'shop')).toEqual([]);
  }
}

it('a password is rotated', async () => {
  const steps = stepsOf('Rotate a password');
  expect(steps).toHaveLength(isMariadb ? 4 : 3);
  for (const step of steps) {
    if (step.text.startsWith('DROP USER')) await eventually(expectNobodyIsShop);
    await run(step);
  }
  const refused = createConnection(asShop(cluster.url('eu-1')));
  await expect(refused).rejects.toMatchObject({ code: 'ER_ACCESS_DENIED_ERROR' });
}, 90_000);
