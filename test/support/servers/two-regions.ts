import { Redis } from 'ioredis';
import type { DataLayerOptions, TopologyDocument } from 'meridian';
import { type LocalCluster, startLocalCluster } from 'meridian/testing';
import { type Opened, TestCluster } from '../cluster.ts';
import type { tables } from '../tables.ts';

export type RegionName = 'eu' | 'us';

/** The standard cluster with region eu strict, a Redis for each region, and clients to look into them. */
export class TwoRegions {
  readonly cluster: TestCluster;
  readonly #second: LocalCluster;
  readonly #clients: Record<RegionName, Redis>;

  private constructor(cluster: TestCluster, second: LocalCluster) {
    this.cluster = cluster;
    this.#second = second;
    const { eu, us } = this.redis;
    this.#clients = { eu: new Redis(eu.url), us: new Redis(us.url) };
  }

  static async start(): Promise<TwoRegions> {
    const [cluster, second] = await Promise.all([
      TestCluster.start(),
      startLocalCluster({ shards: [], redis: true }),
    ]);
    return new TwoRegions(cluster, second);
  }

  get redis() {
    return { eu: this.cluster.cluster.redis, us: this.#second.redis };
  }

  /** The document, with more of region eu. */
  topology(eu: Partial<TopologyDocument['regions'][string]> = {}): TopologyDocument {
    const document = this.cluster.topology();
    const { eu: open, ...others } = document.regions;
    if (open === undefined) throw new TypeError('the standard topology has a region eu');
    return { ...document, regions: { ...others, eu: { ...open, residency: 'strict', ...eu } } };
  }

  /** A process in a region. */
  open(
    region: RegionName,
    overrides: Partial<DataLayerOptions<typeof tables>> = {},
  ): Promise<Opened<typeof tables>> {
    const { eu, us } = this.redis;
    return this.cluster.open({
      region,
      service: `api-${region}`,
      topology: this.topology(),
      redis: { eu: eu.url, us: us.url },
      // The machine of the tests is busy: what is not about slowness must not run into it.
      cache: { commandTimeoutMs: 2_000, farTimeoutMs: 2_000 },
      ...overrides,
    });
  }

  /** The keys that the Redis of a region holds: values and leases. */
  async keys(region: RegionName): Promise<string[]> {
    const keys = await this.#clients[region].keys('*');
    return keys.filter((key) => !key.endsWith(':redis-id'));
  }

  async flush(): Promise<void> {
    await Promise.all(Object.values(this.#clients).map((client) => client.flushall()));
  }

  async stop(): Promise<void> {
    for (const client of Object.values(this.#clients)) client.disconnect();
    await Promise.all([this.cluster.stop(), this.#second.stop()]);
  }
}
