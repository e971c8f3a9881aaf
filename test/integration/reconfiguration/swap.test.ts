import { mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileTopology, iterableTopology, type TopologyDocument } from 'meridian';
import { createSlotMap, formatSlotRanges } from 'meridian/sharding';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { heardByAllMs } from '../../../src/forwarding/protocol-times.ts';
import { accountOn, type Opened, TestCluster } from '../../support/cluster.ts';
import { eventually } from '../../support/eventually.ts';
import { ddl, type tables } from '../../support/tables.ts';

/** Documents that a test gives, one after the other. */
class Documents implements AsyncIterable<unknown> {
  readonly #given: unknown[] = [];
  #wake: () => void = () => {};

  give(document: unknown): void {
    this.#given.push(document);
    this.#wake();
  }

  async *[Symbol.asyncIterator]() {
    for (;;) {
      while (this.#given.length > 0) yield this.#given.shift();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

let cluster: TestCluster;
let epoch = 0;
let documents: Documents;
let folder: string;
const opened: { close(): Promise<unknown> }[] = [];

async function closeAll(): Promise<void> {
  await Promise.all(opened.splice(0).map((data) => data.close()));
}

beforeAll(async () => {
  cluster = await TestCluster.start();
});
afterAll(() => cluster.stop());

beforeEach(async () => {
  await cluster.forgetFacts();
  documents = new Documents();
  folder = await mkdtemp(join(tmpdir(), 'meridian-swap-'));
});
afterEach(async () => {
  await closeAll();
  await rm(folder, { recursive: true });
});

/** A document of the next epoch. */
function next(urls: Parameters<TestCluster['topology']>[0] = {}): TopologyDocument {
  return { ...cluster.topology(urls), epoch: ++epoch };
}

async function open(
  first: TopologyDocument,
  options: Parameters<typeof cluster.open>[0] = {},
): Promise<Opened<typeof tables>> {
  documents.give(first);
  return start({ topology: iterableTopology('the test', documents), ...options });
}

async function start(options: Parameters<typeof cluster.open>[0]) {
  const begun = await cluster.open({ redis: false, ...options });
  opened.push(begun.data);
  return begun;
}

async function follow({ data }: Opened<typeof tables>, document: TopologyDocument) {
  documents.give(document);
  await eventually(() => expect(data.topology().epoch).toBe(document.epoch));
}

describe('a document with a larger epoch', () => {
  it('leads to another address of a shard, once the server there was verified, without a failed call', async () => {
    const begun = await open(next());
    const { data, events } = begun;
    const { url } = await cluster.proxy('eu-1');
    {
      const { id } = await data.users.insert({ country: 'DE', name: 'Ada' });
      let isOver = false;
      let reads = 0;
      const load = async () => {
        while (!isOver) {
          expect(await data.users.get(id)).toMatchObject({ name: 'Ada' });
          await data.users.update(id, { name: 'Ada' });
          reads++;
        }
      };
      const loads = Promise.all([load(), load(), load(), load()]);
      for (let swap = 0; swap < 10; swap++) {
        await follow(begun, next(swap % 2 === 0 ? { 'eu-1': url } : {}));
        const before = reads;
        await eventually(() => expect(reads).toBeGreaterThan(before + 4));
      }
      isOver = true;
      await loads;
    }
    const swaps = events.filter(({ type }) => type === 'topology');
    expect(swaps).toHaveLength(10);
    expect(swaps[0]).toMatchObject({
      source: 'the test',
      added: ['eu-1/primary'],
      removed: ['eu-1/primary'],
    });
    expect(events.filter(({ type }) => type === 'endpoint-fault')).toEqual([]);
  }, 60_000);

  it('is not taken while its server does not answer, and is once it does', async () => {
    const { data, events } = await open(next());
    const { proxy, url } = await cluster.proxy('tx-1');
    const refusal = proxy.refuse();
    documents.give(next({ 'tx-1': url }));
    await eventually(() => expect(data.topology().refused).toMatchObject({ isRetried: true }));
    expect(data.topology()).toMatchObject({ epoch: epoch - 1, refused: { epoch } });
    const account_id = accountOn('tx-1', data.transactions);
    refusal.undo();
    await eventually(() => expect(data.topology()).toMatchObject({ epoch, refused: null }));
    await data.transactions.insert({ account_id, cents: 1n });
    expect(proxy.connections).toBeGreaterThan(0);
    expect(events.some(({ type }) => type === 'topology-refused')).toBe(true);
  });

  it('takes an address that was left of late back, though asking its server takes longer than the drain', async () => {
    const { proxy, url } = await cluster.proxy('eu-1');
    const begun = await open(next({ 'eu-1': url }), { drainMs: 200 });
    await follow(begun, next());
    // A connection that is opened answers after several round trips.
    proxy.latency(50);
    await follow(begun, next({ 'eu-1': url }));
    expect(begun.events.filter(({ type }) => type === 'topology-refused')).toEqual([]);
    proxy.heal();
    await begun.data.users.insert({ country: 'DE', name: 'Ada' });
  });

  it('bars no shard whose connections are all in use', async () => {
    const begun = await open(next(), { pool: { connections: 2 } });
    const { id } = await begun.data.users.insert({ country: 'DE', name: 'Ada' });
    const { url } = await cluster.proxy('tx-1');
    const at = begun.data.users.at(id);
    const busy = [1, 2].map(() => at.query('SELECT SLEEP(2) AS s FROM users LIMIT 1'));
    await eventually(async () => expect(await cluster.running('eu-1', '%SLEEP(2)%')).toBe(2));
    documents.give(next({ 'tx-1': url }));
    const late = at.query('SELECT SLEEP(0) AS s FROM users LIMIT 1');
    await eventually(() => expect(begun.data.topology().epoch).toBe(epoch));
    for (const rows of await Promise.all([...busy, late])) expect(rows).toHaveLength(1);
    expect(begun.data.health().shards['eu-1']).toMatchObject({ state: 'up' });
  });

  it('adds a shard, which owns no slots yet', async () => {
    const name = `joined_${process.pid}`;
    const url = new URL(cluster.url('tx-2'));
    url.pathname = name;
    await cluster.sql('tx-2', `CREATE DATABASE ${name}`);
    await cluster.sql('tx-2', `GRANT ALL ON ${name}.* TO '${url.username}'@'%'`);
    for (const create of ddl.ledger) {
      await cluster.sql('tx-2', create.replace('TABLE ', `TABLE ${name}.`));
    }
    try {
      const slots = formatSlotRanges(
        createSlotMap(
          ['tx-1', 'tx-2'].map((shard) => ({ name: shard, weight: 1 })),
          16_384,
        ),
      );
      const withSlots = (
        one: TopologyDocument,
        ledger: { shards: string[]; slots: Record<string, string> },
      ) => ({
        ...one,
        keyspaces: { ...one.keyspaces, ledger: { code: 2, strategy: 'hash' as const, ...ledger } },
      });
      const first = withSlots(next(), { shards: ['tx-1', 'tx-2'], slots });
      const begun = await open(first);
      const later = new Documents();
      later.give(first);
      const other = await start({ topology: iterableTopology('another', later) });
      const document = withSlots(next(), {
        shards: ['tx-1', 'tx-2', 'tx-3'],
        slots: { ...slots, 'tx-3': '' },
      });
      const joined = {
        ...document,
        shards: { ...document.shards, 'tx-3': { region: 'eu', primary: url.href } },
      };
      await follow(begun, joined);
      later.give(joined);
      await eventually(() => expect(other.data.topology().epoch).toBe(epoch));
      // Also who did not record it first puts nothing there that others would leave out.
      for (const { events } of [begun, other]) {
        const [swap] = events.filter(({ type }) => type === 'topology');
        expect(swap).toMatchObject({ added: ['tx-3/primary'], removed: [] });
        expect(Reflect.get(swap ?? {}, 'durationMs')).toBeGreaterThanOrEqual(heardByAllMs);
      }
      const { data } = begun;
      expect(data.health().shards['tx-3']).toMatchObject({ state: 'up' });
      await data.transactions.insert({ account_id: 'a', cents: 1n });
      const each = await data.transactions.everywhere.each(
        'SELECT COUNT(*) AS n FROM transactions',
      );
      expect(each.map(({ shard }) => shard).sort()).toEqual(['tx-1', 'tx-2', 'tx-3']);
    } finally {
      await closeAll();
      await cluster.sql('tx-2', `DROP DATABASE ${name}`);
    }
  });

  it('is refused where the address is that of another shard, and what was in force goes on', async () => {
    const { data } = await open(next());
    const { id } = await data.users.insert({ country: 'US', name: 'Grace' });
    documents.give(next({ 'eu-1': cluster.url('us-1'), 'us-1': cluster.url('eu-1') }));
    await eventually(() => expect(data.topology().refused?.problems).toHaveLength(2));
    expect(data.topology()).toMatchObject({
      epoch: epoch - 1,
      refused: {
        isRetried: false,
        problems: [{ path: 'shards.eu-1.primary' }, { path: 'shards.us-1.primary' }],
      },
    });
    expect(await data.users.get(id)).toMatchObject({ name: 'Grace' });
  });
});

describe('is refused, and what was in force goes on:', () => {
  const cases: Record<string, { change(document: TopologyDocument): unknown; path: string }> = {
    'an older epoch': { change: (one) => ({ ...one, epoch: one.epoch - 1 }), path: 'epoch' },
    'another content under one epoch': {
      change: (one) => ({ ...one, unlistedCountries: 'nearest' }),
      path: 'epoch',
    },
    'another content under a larger revision': {
      change: (one) => ({ ...one, revision: 1, unlistedCountries: 'nearest' }),
      path: 'epoch',
    },
    'another code': {
      change: (one) => changed(one, 'ledger', { code: 9 }),
      path: 'keyspaces.ledger.code',
    },
    'another strategy': {
      change: (one) => changed(one, 'ledger', { strategy: 'geo' }),
      path: 'keyspaces.ledger.strategy',
    },
    'another code of a region': {
      change: (one) => ({
        ...one,
        epoch: one.epoch + 1,
        regions: { ...one.regions, eu: { ...one.regions.eu, code: 3 } },
      }),
      path: 'shards.eu-1.region',
    },
    'other slots than the databases have on record': {
      change: (one) => changed(one, 'ledger', { slots: { 'tx-1': '0-99', 'tx-2': '100-16383' } }),
      path: 'keyspaces.ledger',
    },
    'a keyspace with tables that is gone': {
      change: ({ keyspaces: { people }, shards, ...one }) => ({
        ...one,
        epoch: one.epoch + 1,
        keyspaces: { people },
        shards: { 'eu-1': shards['eu-1'], 'us-1': shards['us-1'] },
      }),
      path: expect.stringMatching(/^tables\./),
    },
    'half a document': { change: () => ({ epoch: 1_000 }), path: 'regions' },
    'no document': { change: () => null, path: '' },
  };

  function changed(document: TopologyDocument, keyspace: string, fields: object) {
    const of = { ...document.keyspaces[keyspace], ...fields };
    return {
      ...document,
      epoch: document.epoch + 1,
      keyspaces: { ...document.keyspaces, [keyspace]: of },
    };
  }

  it.each(Object.entries(cases))('%s', async (_, { change, path }) => {
    epoch += 10;
    const first = next();
    const { data } = await open(first);
    const { id } = await data.users.insert({ country: 'DE', name: 'Ada' });
    documents.give(change(first));
    await eventually(() => expect(data.topology().refused).not.toBeNull());
    expect(data.topology()).toMatchObject({ epoch: first.epoch, refused: { isRetried: false } });
    expect(data.topology().refused?.problems[0]).toMatchObject({ path });
    expect(await data.users.get(id)).toMatchObject({ name: 'Ada' });
    epoch += 10;
  });

  it('a start on a document that is older than one that was in use', async () => {
    const first = next();
    const begun = await open(first);
    await follow(begun, next());
    await closeAll();
    await expect(start({ topology: first })).rejects.toMatchObject({
      problems: [{ path: 'epoch' }],
    });
  });
});

it('a larger revision leads to other addresses within an epoch', async () => {
  const first = next();
  const { data } = await open(first);
  const { proxy, url } = await cluster.proxy('eu-1');
  documents.give({ ...first, shards: cluster.topology({ 'eu-1': url }).shards, revision: 1 });
  await eventually(() => expect(data.topology()).toMatchObject({ epoch, revision: 1 }));
  await data.users.insert({ country: 'DE', name: 'Ada' });
  expect(proxy.connections).toBeGreaterThan(0);
});

describe('a file', () => {
  it('is followed when it is replaced by a rename and when it is written in place, half-written ones waited out', async () => {
    const path = join(folder, 'topology.json');
    await writeFile(path, JSON.stringify(next()));
    const { data, events } = await start({ topology: path });
    await writeFile(`${path}.new`, JSON.stringify(next()));
    await rename(`${path}.new`, path);
    await eventually(() => expect(data.topology()).toMatchObject({ epoch, source: path }));
    const text = JSON.stringify(next());
    await writeFile(path, text.slice(0, 100));
    await writeFile(path, text);
    await eventually(() => expect(data.topology().epoch).toBe(epoch));
    await rm(path);
    await eventually(() => expect(data.topology().fault?.message).toMatch(/can not be read/));
    await writeFile(path, JSON.stringify(next()));
    await eventually(() => expect(data.topology()).toMatchObject({ epoch, fault: null }), {
      timeout: 20_000,
    });
    expect(events.filter(({ type }) => type === 'topology-refused')).toEqual([]);
  });

  it('is asked when somebody reloads, who hears why it is refused', async () => {
    const path = join(folder, 'topology.json');
    const first = next();
    await writeFile(path, JSON.stringify(first));
    const { load, name } = fileTopology(path);
    const topology = { name, load };
    const { data } = await start({ topology });
    expect(data.topology().isWatched).toBe(false);
    await writeFile(path, JSON.stringify(next()));
    expect(await data.admin.reload()).toMatchObject({ epoch });
    await writeFile(path, JSON.stringify(first));
    await expect(data.admin.reload()).rejects.toMatchObject({ problems: [{ path: 'epoch' }] });
    expect(data.topology()).toMatchObject({ epoch, refused: { epoch: first.epoch } });
  });
});

it('explain tells document and source, and why a server is asked or not', async () => {
  const { proxy, url } = await cluster.proxy('eu-1');
  const refusal = proxy.refuse();
  const replica = { url: 'mysql://app@127.0.0.1:9/never-asked', region: 'us' };
  const { shards, regions, ...rest } = next();
  const { 'eu-1': shard, ...others } = shards;
  const { eu, ...elsewhere } = regions;
  if (shard === undefined || eu === undefined) throw new TypeError('the cluster has both');
  const document: TopologyDocument = {
    ...rest,
    regions: { ...elsewhere, eu: { ...eu, residency: 'strict' } },
    shards: { ...others, 'eu-1': { ...shard, replicas: [url, replica] } },
  };
  const { data } = await open(document, { region: 'eu' });
  const { id } = await data.users.insert({ country: 'DE', name: 'Ada' });
  const told = () =>
    data.users.explain(id).endpoints.map(({ isAsked, because }) => [isAsked, because]);
  expect(data.users.explain(id)).toMatchObject({ epoch, revision: 0, source: 'the test' });
  const unverified = expect.stringMatching(
    /^it takes no traffic until it was verified, and it was not so far: 'eu-1/,
  );
  await eventually(() =>
    expect(told()).toEqual([
      [true, 'takes writes, and reads'],
      [false, unverified],
      [false, 'us may not hold rows of eu'],
    ]),
  );
  refusal.undo();
  await eventually(() => expect(told()[1]).toEqual([false, expect.stringContaining('replica')]));
  documents.give(next());
  await eventually(() => expect(data.topology().epoch).toBe(epoch));
  expect(data.users.explain(id).endpoints).toMatchObject([{ name: 'eu-1/primary', isAsked: true }]);
});

it('an object that was changed since is another document', async () => {
  const document = next();
  const { data } = await start({ topology: { name: 'an object', load: async () => document } });
  document.epoch = ++epoch;
  expect(await data.admin.reload()).toMatchObject({ epoch });
});

describe('keepLastGood', () => {
  it('keeps the document in force, for this user only and without the secrets of the environment, for a start without the source', async () => {
    const keepLastGood = join(folder, 'last-good.json');
    const secret = new URL(cluster.url('eu-1'));
    process.env.SWAP_TEST_PASSWORD = secret.password;
    const withVariable = cluster
      .url('eu-1')
      .replace(secret.password, ['$', '{SWAP_TEST_PASSWORD}'].join(''));
    const begun = await open(next(), { keepLastGood });
    await follow(begun, next({ 'eu-1': withVariable }));
    await eventually(async () => {
      const text = await readFile(keepLastGood, 'utf8');
      expect(JSON.parse(text)).toMatchObject({
        epoch,
        shards: { 'eu-1': { primary: withVariable } },
      });
    });
    expect((await stat(keepLastGood)).mode & 0o777).toBe(0o600);
    await closeAll();
    const topology = join(folder, 'none.json');
    const { data } = await start({ topology, keepLastGood });
    expect(data.topology()).toMatchObject({ epoch, from: 'last-good', source: topology });
    await writeFile(topology, JSON.stringify(next()));
    await eventually(() => expect(data.topology()).toMatchObject({ epoch, from: 'source' }), {
      timeout: 20_000,
    });
  });

  it('is older than any revision of its epoch: who counts anew may begin with a smaller one', async () => {
    const keepLastGood = join(folder, 'last-good.json');
    const kept = next();
    await writeFile(keepLastGood, JSON.stringify({ ...kept, revision: 70 }));
    const { url } = await cluster.proxy('eu-1');
    const topology = iterableTopology('a source that fails at first', documents);
    const load = () => Promise.reject(new Error('not yet'));
    const { data } = await start({ topology: { ...topology, load }, keepLastGood });
    expect(data.topology()).toMatchObject({ epoch, from: 'last-good' });
    documents.give({ ...kept, shards: cluster.topology({ 'eu-1': url }).shards, revision: 1 });
    await eventually(() =>
      expect(data.topology()).toMatchObject({ epoch, revision: 1, from: 'source', refused: null }),
    );
  });
});
