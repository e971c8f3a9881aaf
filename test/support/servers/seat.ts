import { type LocalCluster, startLocalCluster } from 'meridian/testing';
import { MysqlInspection } from './mysql-inspection.ts';
import { RedisInspection } from './redis-inspection.ts';
import { type ServerAddress, type ShardName, type SharedServers, shardNames } from './standard.ts';

/**
 * The servers of one test worker. Its files use them in turn, each with empty databases, and must
 * leave the servers themselves as they were: a changed setting would be the next file's riddle.
 */
export class Seat {
  readonly #cluster: LocalCluster<ShardName>;
  readonly #inspections: readonly (MysqlInspection | RedisInspection)[];
  #isTaken = false;

  private constructor(
    cluster: LocalCluster<ShardName>,
    inspections: readonly (MysqlInspection | RedisInspection)[],
  ) {
    this.#cluster = cluster;
    this.#inspections = inspections;
  }

  static async start(): Promise<Seat> {
    const cluster = await startLocalCluster({ shards: shardNames });
    const inspections = await Promise.all([
      RedisInspection.begin(cluster.redis.url),
      ...shardNames.map((name) =>
        MysqlInspection.begin(name, cluster.shards[name].primary.adminUrl),
      ),
    ]);
    return new Seat(cluster, inspections);
  }

  /** Whether a file took the servers and did not give them back: it crashed. */
  get isTaken(): boolean {
    return this.#isTaken;
  }

  async take(): Promise<SharedServers> {
    this.#isTaken = true;
    await Promise.all(this.#inspections.map((inspection) => inspection.empty()));
    const address = ({ url, adminUrl }: ServerAddress) => ({ url, adminUrl });
    const shard = (name: ShardName) => ({
      primary: address(this.#cluster.shards[name].primary),
      replicas: [],
    });
    return {
      shards: {
        'eu-1': shard('eu-1'),
        'us-1': shard('us-1'),
        'tx-1': shard('tx-1'),
        'tx-2': shard('tx-2'),
      },
      redis: { url: this.#cluster.redis.url },
    };
  }

  /** What the file left changed, a line each; servers with a difference are not given out again. */
  async giveBack(): Promise<string[]> {
    const found = await Promise.all(
      this.#inspections.map((inspection) => inspection.differences()),
    );
    const differences = found.flat();
    this.#isTaken = differences.length > 0;
    return differences;
  }

  stop(): Promise<void> {
    return this.#cluster.stop();
  }
}
