import type { ProcessHost } from '../runners/process-runner.ts';
import type { RedisServer } from '../runners/server.ts';
import { untilSeen } from '../runners/settling.ts';
import { TestingError } from '../testing-error.ts';
import { type ClusterNode, nodesSeenBy, owns, slotCount } from './cluster-nodes.ts';
import { checkFailover } from './failover-check.ts';
import { askRedis } from './redis-dialog.ts';
import type { RedisFailovers } from './redis-kinds.ts';
import { type RedisServerHandle, standingOf } from './redis-server.ts';

/** A node gives up a manual failover after five seconds; then it may be asked again. */
const manualFailoverMs = 6_000;

type View = readonly ClusterNode[];

/** Masters that the nodes of a Redis Cluster replace. */
export class ClusterFailovers implements RedisFailovers {
  readonly #host: ProcessHost;
  readonly #data: readonly RedisServerHandle[];
  readonly #groups: readonly (readonly RedisServerHandle[])[];

  constructor(
    host: ProcessHost,
    data: readonly RedisServerHandle[],
    groups: readonly (readonly RedisServerHandle[])[],
  ) {
    this.#host = host;
    this.#data = data;
    this.#groups = groups;
  }

  async master(key?: string): Promise<RedisServer> {
    const [node] = this.#running();
    if (!node) throw new TestingError('No node runs that could be asked.');
    const slot = key === undefined ? 0 : Number(await askRedis(node, 'CLUSTER', 'KEYSLOT', key));
    const owners = (await this.#views()).flat().filter((seen) => owns(seen, slot));
    const newest = owners.sort((one, other) => other.epoch - one.epoch)[0];
    const master = this.#data.find(({ port }) => port === newest?.port);
    if (master) return master;
    throw new TestingError(`No node that runs knows the master of slot ${slot}.`);
  }

  async failover(key?: string): Promise<RedisServer> {
    const old = await this.master(key);
    checkFailover(old, this.#groupOf(old));
    let askedAt = Number.NEGATIVE_INFINITY;
    return untilSeen(this.#host, `A failover from '${old.name}'`, async () => {
      if (performance.now() - askedAt > manualFailoverMs) {
        const replica = await this.#replicaOf(old);
        if (replica) {
          await askRedis(replica, 'CLUSTER', 'FAILOVER');
          askedAt = performance.now();
        }
      }
      return this.#agreedReplacement(old);
    });
  }

  replacementOf(old: RedisServer): Promise<RedisServer> {
    return untilSeen(this.#host, `The replacement of '${old.name}'`, () =>
      this.#agreedReplacement(old),
    );
  }

  /** Whether all nodes agree on who has which slots, none lacks, and all replicas are connected. */
  async isComplete(): Promise<true | undefined> {
    const views = await this.#views();
    const masters = this.#groups.map((group) => agreedMaster(group, views));
    const known = views.every(
      (view) => view.length === this.#data.length && slotsIn(view) === slotCount && !anyFails(view),
    );
    if (!known) return undefined;
    for (const [index, group] of this.#groups.entries()) {
      if (!(await this.#isInPlace(group, masters[index]))) return undefined;
    }
    return true;
  }

  async #agreedReplacement(old: RedisServer): Promise<RedisServer | undefined> {
    const group = this.#groupOf(old);
    const master = agreedMaster(group, await this.#views());
    if (master === old || !(await this.#isInPlace(group, master))) return undefined;
    return master;
  }

  /** The master says that it is one, its replicas follow, and every node takes commands. */
  async #isInPlace(
    group: readonly RedisServerHandle[],
    master: RedisServerHandle | undefined,
  ): Promise<boolean> {
    if (!master) return false;
    const running = group.filter(({ state }) => state === 'running');
    const inPlace = await Promise.all([
      ...running.map(async (server) => {
        const { role, follows } = await standingOf(server);
        if (server === master) return role === 'master';
        return follows?.port === master.port && follows.connected;
      }),
      ...this.#running().map(async (server) =>
        String(await askRedis(server, 'CLUSTER', 'INFO')).startsWith('cluster_state:ok'),
      ),
    ]);
    return !inPlace.includes(false);
  }

  async #replicaOf(old: RedisServer): Promise<RedisServer | undefined> {
    for (const server of this.#groupOf(old)) {
      if (server === old || server.state !== 'running') continue;
      const { follows } = await standingOf(server);
      if (follows?.port === old.port && follows.connected) return server;
    }
    return undefined;
  }

  #groupOf(server: RedisServer): readonly RedisServerHandle[] {
    const group = this.#groups.find((members) => members.some((member) => member === server));
    if (group) return group;
    throw new TestingError(`Server '${server.name}' is not of this cluster.`);
  }

  #running(): RedisServerHandle[] {
    return this.#data.filter(({ state }) => state === 'running');
  }

  #views(): Promise<View[]> {
    return Promise.all(this.#running().map(nodesSeenBy));
  }
}

/**
 * The member of the group that all views take for the owner of its slots, and for the master of the
 * others that run: a master refuses to hand over to a replica that it does not know as its own.
 */
function agreedMaster(
  group: readonly RedisServerHandle[],
  views: readonly View[],
): RedisServerHandle | undefined {
  const named = views.map((view) => masterIn(group, view));
  return named.every((master) => master === named[0]) ? named[0] : undefined;
}

function masterIn(group: readonly RedisServerHandle[], view: View): RedisServerHandle | undefined {
  const nodeOf = ({ port }: RedisServerHandle) => view.find((node) => node.port === port);
  const [master, ...others] = group.filter((server) => nodeOf(server)?.ranges.length);
  if (!master || others.length > 0) return undefined;
  const followers = group.filter((server) => server !== master && server.state === 'running');
  const id = nodeOf(master)?.id;
  return followers.every((server) => nodeOf(server)?.follows === id) ? master : undefined;
}

function anyFails(view: View): boolean {
  return view.some(({ flags }) => flags.includes('fail') || flags.includes('fail?'));
}

function slotsIn(view: View): number {
  const ranges = view.flatMap((node) => node.ranges);
  return ranges.reduce((sum, [first, last]) => sum + 1 + last - first, 0);
}
