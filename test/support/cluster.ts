import {
  type CallEvent,
  createDataLayer,
  type DataLayer,
  type DataLayerOptions,
  type MeridianEvent,
  type Tables,
  type TopologyDocument,
} from 'meridian';
import {
  type ChaosProxy,
  type LocalCluster,
  startChaosProxy,
  startLocalCluster,
} from 'meridian/testing';
import mysql, { type RowDataPacket } from 'mysql2/promise';
import type { Life } from './crash/life.ts';
import { giveServersBack, takeServers } from './servers/shared.ts';
import { type ShardName, type SharedServers, shardNames } from './servers/standard.ts';
import { ddl, tables } from './tables.ts';

export { type ShardName, shardNames };

type Standard = typeof tables;
type Given = Tables;
type Overrides<T extends Given> = Partial<DataLayerOptions<T>>;

/** A running data layer and what it has reported so far. */
export interface Opened<T extends Given> {
  readonly data: DataLayer<T>;
  /** All but calls, and what is told of each statement. */
  readonly events: MeridianEvent[];
  readonly calls: CallEvent[];
}

const ofEachStatement: ReadonlySet<string> = new Set(['statement', 'acquire', 'cache-read']);

/** Four shards and a Redis: `people` is geographic (eu-1, us-1), `ledger` hashed (tx-1, tx-2). */
export class TestCluster<Servers extends SharedServers = SharedServers> {
  readonly cluster: Servers;
  readonly #end: () => Promise<void>;
  readonly #opened: { close(): Promise<unknown> }[] = [];
  readonly #proxies: ChaosProxy[] = [];

  private constructor(cluster: Servers, end: () => Promise<void>) {
    this.cluster = cluster;
    this.#end = end;
  }

  /** On servers that other files use before and after this one: they are not stopped or set. */
  static start(): Promise<TestCluster> {
    return TestCluster.#begin(takeServers, giveServersBack);
  }

  /** On servers of its own, which may be killed, frozen, or set as a test likes. */
  static startOwn(replicas = 0): Promise<TestCluster<LocalCluster<ShardName>>> {
    return TestCluster.#begin(
      () => startLocalCluster({ shards: shardNames, replicas }),
      (cluster) => cluster.stop(),
    );
  }

  static async #begin<Servers extends SharedServers>(
    start: () => Promise<Servers>,
    stop: (servers: Servers) => Promise<void>,
  ): Promise<TestCluster<Servers>> {
    const servers = await start();
    const begun = new TestCluster(servers, () => stop(servers));
    await Promise.all(shardNames.map((shard) => begun.createTables(shard)));
    return begun;
  }

  async createTables(shard: ShardName): Promise<void> {
    for (const statement of ddl[shard.startsWith('tx') ? 'ledger' : 'people']) {
      await this.sql(shard, statement);
    }
  }

  get redisUrl(): string {
    return this.cluster.redis.url;
  }

  url(shard: ShardName): string {
    return this.cluster.shards[shard].primary.url;
  }

  /** The document of this cluster, with other URLs for some shards. */
  topology(urls: Partial<Record<ShardName, string>> = {}): TopologyDocument {
    const shard = (name: ShardName, region: string) => ({
      region,
      primary: urls[name] ?? this.url(name),
      replicas: this.cluster.shards[name].replicas.map(({ url }) => url),
    });
    return {
      epoch: 1,
      regions: {
        eu: { code: 1, location: [50.1, 8.7], countries: ['DE', 'FR'] },
        us: { code: 2, location: [39, -77.5], countries: ['US'], default: true },
      },
      shards: {
        'eu-1': shard('eu-1', 'eu'),
        'us-1': shard('us-1', 'us'),
        'tx-1': shard('tx-1', 'eu'),
        'tx-2': shard('tx-2', 'us'),
      },
      keyspaces: {
        people: { code: 1, strategy: 'geo', shards: ['eu-1', 'us-1'] },
        ledger: { code: 2, strategy: 'hash', shards: ['tx-1', 'tx-2'] },
      },
    };
  }

  /** The document of this cluster as a life of its own knows it. */
  topologyOf(life: Life): TopologyDocument {
    return this.topology(
      Object.fromEntries(shardNames.map((name) => [name, life.urlFor(this.url(name))])),
    );
  }

  /** Runs SQL on a shard as its administrator, past Meridian. */
  async sql(shard: ShardName, text: string, params: unknown[] = []): Promise<RowDataPacket[]> {
    const connection = await mysql.createConnection({
      uri: this.cluster.shards[shard].primary.adminUrl,
      supportBigNumbers: true,
      bigNumberStrings: true,
      timezone: 'Z',
    });
    try {
      const [rows] = await connection.query<RowDataPacket[]>(text, params);
      return rows;
    } finally {
      await connection.end();
    }
  }

  /** Forgets what services said of shared data, as if those that run now were not there. */
  async forgetFacts(): Promise<void> {
    for (const shard of shardNames) {
      const table = await this.sql(shard, "SHOW TABLES LIKE 'meridian_facts'");
      if (table.length > 0) await this.sql(shard, 'DELETE FROM meridian_facts');
    }
  }

  /**
   * How many connections of the application there are whose newest statement is like `pattern`. Not from
   * information_schema, which MySQL can't read while a statement with bytes is among them.
   */
  async running(shard: ShardName, pattern: string): Promise<number> {
    const isLike = new RegExp(
      `^${pattern.replace(/[^\w\s%]/g, '\\$&').replaceAll('%', '.*')}$`,
      'is',
    );
    const sessions = await this.sql(shard, 'SHOW FULL PROCESSLIST');
    return sessions.filter(({ Info }) => isLike.test(String(Info))).length;
  }

  /** A data layer with the standard tables. */
  open(overrides: Overrides<Standard> = {}): Promise<Opened<Standard>> {
    return this.openWith(tables, overrides);
  }

  /** A data layer with tables of the test's own. `stop` closes it if the test has not. */
  async openWith<T extends Given>(own: T, overrides: Overrides<T> = {}): Promise<Opened<T>> {
    const events: MeridianEvent[] = [];
    const calls: CallEvent[] = [];
    const options: DataLayerOptions<T> = {
      topology: this.topology(),
      region: 'eu',
      tables: own,
      redis: this.redisUrl,
      systemTables: 'create',
      logger: false,
      observers: [
        (event) => {
          if (event.type === 'call') calls.push(event);
          else if (!ofEachStatement.has(event.type)) events.push(event);
        },
      ],
      ...overrides,
    };
    const data = await createDataLayer(options);
    this.#opened.push(data);
    return { data, events, calls };
  }

  /** A proxy before a shard, or before Redis, and the URL through it. */
  async proxy(target: ShardName | 'redis'): Promise<{ proxy: ChaosProxy; url: string }> {
    const url = target === 'redis' ? this.redisUrl : this.url(target);
    const proxy = await startChaosProxy({ target: url });
    this.#proxies.push(proxy);
    return { proxy, url: proxy.urlFor(url) };
  }

  async stop(): Promise<void> {
    for (const proxy of this.#proxies) proxy.heal();
    await Promise.all(this.#opened.map((data) => data.close()));
    await Promise.all(this.#proxies.map((proxy) => proxy.close()));
    await this.#end();
  }
}

/** A cluster whose servers may be killed, frozen, or set. */
export type OwnCluster = TestCluster<LocalCluster<ShardName>>;

/** The error that a promise rejects with; a promise that resolves is the test's failure. */
export async function failureOf(work: Promise<unknown>): Promise<unknown> {
  const value = await work.then(
    (resolved) => ({ resolved }),
    (error: unknown) => ({ error }),
  );
  if ('error' in value) return value.error;
  throw new Error(`expected a rejection, got ${JSON.stringify(value.resolved)}`);
}

/** An id that is on the wanted shard of `ledger`: keys are tried until one is. */
export function accountOn(
  shard: 'tx-1' | 'tx-2',
  handle: { explain(key: string): { shard: string } },
  prefix = 'account',
): string {
  for (let number = 0; ; number++) {
    const account = `${prefix}-${number}`;
    if (handle.explain(account).shard === shard) return account;
  }
}
