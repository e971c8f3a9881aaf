import { EventEmitter, on } from 'node:events';
import {
  createDataLayer,
  type DataLayerOptions,
  defineTable,
  iterableTopology,
  type MeridianEvent,
  type TopologyDocument,
} from 'meridian';
import { startLocalCluster } from 'meridian/testing';
import { createConnection } from 'mysql2/promise';
import { z } from 'zod';
import { closedLoop, compare, median } from '../measure.ts';
import type { Result, Suite } from '../result.ts';

const tables = {
  notes: defineTable({
    name: 'notes',
    keyspace: 'all',
    primaryKey: 'id',
    schema: z.object({ id: z.string(), text: z.string() }),
  }),
};
const shardCount = 64;
const swaps = 100;
const rowCount = 1_000;

type Addresses = Readonly<Record<string, string>>;
type Layer = Awaited<ReturnType<typeof follow>>;

/** What a swap of 64 shards takes, what 100 of them cost those who call meanwhile, and what following costs. */
export const suite: Suite = {
  name: 'Topology: swaps of 64 shards, and calls meanwhile',
  async run() {
    const cluster = await startLocalCluster({ shards: ['a', 'b'], redis: false });
    try {
      const servers = [cluster.shards.a.primary, cluster.shards.b.primary];
      const byNumber = await makeDatabases(servers);
      // Another address of the same server.
      const byName = Object.fromEntries(
        Object.entries(byNumber).map(([name, url]) => [
          name,
          url.replace('127.0.0.1', 'localhost'),
        ]),
      );
      const layer = await follow(byNumber);
      const ids = Array.from({ length: rowCount }, (_, index) => `note-${index}`);
      await layer.data.notes.insertMany(ids.map((id) => ({ id, text: 'as long as a tweet' })));
      try {
        return [
          ...(await durations(layer, byNumber, byName)),
          await underLoad(layer, byNumber, byName, ids),
          await cost(layer, byNumber, ids),
        ];
      } finally {
        await layer.data.close();
      }
    } finally {
      await cluster.stop();
    }
  },
};

async function makeDatabases(
  servers: readonly { readonly url: string; readonly adminUrl: string }[],
): Promise<Addresses> {
  const urls: Record<string, string> = {};
  for (let number = 0; number < shardCount; number++) {
    const server = servers[number % servers.length];
    if (server === undefined) continue;
    const url = new URL(server.url);
    url.pathname = `/shard_${number}`;
    urls[`s-${number}`] = url.href;
    const admin = await createConnection({ uri: server.adminUrl, multipleStatements: true });
    await admin.query(`
      CREATE DATABASE shard_${number};
      CREATE TABLE shard_${number}.notes (
        id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin PRIMARY KEY, text VARCHAR(200) NOT NULL);
      GRANT ALL ON shard_${number}.* TO '${url.username}'@'%'`);
    await admin.end();
  }
  return urls;
}

let epoch = 0;

function documentOf(urls: Addresses): TopologyDocument {
  const names = Object.keys(urls);
  return {
    epoch: ++epoch,
    regions: { eu: { code: 1, location: [50.1, 8.7] } },
    shards: Object.fromEntries(
      Object.entries(urls).map(([name, primary]) => [name, { region: 'eu', primary }]),
    ),
    keyspaces: { all: { code: 1, strategy: 'hash', shards: names } },
  };
}

const options = { tables, redis: false, systemTables: 'create', logger: false } as const;

/** A data layer that takes documents one by one, and tells of each when it is in force. */
async function follow(urls: Addresses) {
  const documents = new EventEmitter();
  const events = new EventEmitter();
  async function* given() {
    yield documentOf(urls);
    for await (const [document] of on(documents, 'document')) yield document;
  }
  const observer = (event: MeridianEvent) => void events.emit(event.type, event);
  const more: Partial<DataLayerOptions<typeof tables>> = { observers: [observer], drainMs: 1_000 };
  const topology = iterableTopology('bench', given());
  const data = await createDataLayer({ ...options, topology, ...more });
  return {
    data,
    /** Milliseconds from the document to the calls that begin on it. */
    swap(next: Addresses): Promise<number> {
      return new Promise((resolve, reject) => {
        events.removeAllListeners();
        events.once('topology', ({ durationMs }: { durationMs: number }) => resolve(durationMs));
        events.once('topology-refused', ({ message }: { message: string }) =>
          reject(new Error(message)),
        );
        documents.emit('document', documentOf(next));
      });
    },
  };
}

async function durations(layer: Layer, before: Addresses, after: Addresses): Promise<Result[]> {
  const one = { ...before, 's-7': after['s-7'] ?? '' };
  const cases: [string, Addresses][] = [
    ['one shard of 64 at another address', one],
    ['all 64 shards at other addresses', after],
  ];
  const results: Result[] = [];
  for (const [name, next] of cases) {
    const times: number[] = [];
    for (let turn = 0; turn < 10; turn++) {
      times.push(await layer.swap(next));
      await layer.swap(before);
    }
    const ms = median(times);
    const target = name.startsWith('all') ? 50 : undefined;
    results.push({
      name,
      value: `${ms.toFixed(1)} ms`,
      figures: { ms, worstMs: Math.max(...times) },
      ...(target !== undefined && { target: `< ${target} ms`, met: ms < target }),
    });
  }
  return results;
}

async function underLoad(
  layer: Layer,
  before: Addresses,
  after: Addresses,
  ids: readonly string[],
): Promise<Result> {
  let isOver = false;
  let calls = 0;
  let failed = 0;
  const client = async (number: number) => {
    for (let turn = number; !isOver; turn++) {
      const id = ids[turn % ids.length] ?? '';
      const call =
        turn % 4 === 0 ? layer.data.notes.update(id, { text: 'anew' }) : layer.data.notes.get(id);
      await call.catch(() => failed++);
      calls++;
    }
  };
  const clients = Array.from({ length: 32 }, (_, number) => client(number));
  const times: number[] = [];
  for (let turn = 0; turn < swaps; turn++) {
    times.push(await layer.swap(turn % 2 === 0 ? after : before));
  }
  isOver = true;
  await Promise.all(clients);
  return {
    name: `${swaps} swaps under 32 callers`,
    value: `${failed} of ${calls} calls failed; a swap took ${median(times).toFixed(0)} ms`,
    target: '0 failed',
    met: failed === 0,
    figures: { failed, calls, ms: median(times) },
  };
}

/** Reads of a data layer that follows, beside those of one that was given an object. */
async function cost({ data }: Layer, urls: Addresses, ids: readonly string[]): Promise<Result> {
  const still = await createDataLayer({ ...options, topology: documentOf(urls) });
  let turn = 0;
  const reads = (layer: typeof data) =>
    closedLoop(32, () => {
      turn = (turn + 7919) % ids.length;
      return layer.notes.get(ids[turn] ?? '');
    });
  try {
    const measured = await compare(
      { still: reads(still), following: reads(data) },
      { rounds: 25, ms: 200 },
    );
    const of = (name: string) => measured.find((one) => one.name === name)?.perSecond ?? 0;
    const percent = (1 - of('following') / of('still')) * 100;
    return {
      name: 'reads while nothing changes, against an object',
      value: `${percent.toFixed(1)} % slower (${Math.round(of('following'))}/s of ${Math.round(of('still'))}/s)`,
      target: '<= 3 %',
      met: percent <= 3,
      figures: { percent },
    };
  } finally {
    await still.close();
  }
}
