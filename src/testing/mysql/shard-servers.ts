import type { ClusterPlan } from '../cluster-plan.ts';
import { inParallel } from '../runners/in-parallel.ts';
import type { LocalServer, LocalShard, MysqlServer } from '../runners/server.ts';
import type { ReplicationSource } from './mysql-accounts.ts';
import type { MysqlRole } from './mysql-arguments.ts';

/** One MySQL server to start. */
export interface MysqlIdentity {
  readonly name: string;
  readonly serverId: number;
  readonly domainId: number;
  /** The primary to follow; `undefined` for a primary. */
  readonly follows?: ReplicationSource | undefined;
}

/** A starting server keeps a core busy; more at once only make each of them later. */
const startsAtOnce = 4;

export function roleOf({ serverId, domainId, follows }: MysqlIdentity): MysqlRole {
  return { serverId, domainId, readOnly: follows !== undefined };
}

/** Starts the primaries of all shards, then their replicas. */
export async function startShardServers<S extends MysqlServer>(
  plan: ClusterPlan,
  start: (identity: MysqlIdentity) => Promise<S>,
  /** Where a replica finds its primary. */
  sourceOf: (primary: S) => ReplicationSource,
): Promise<LocalShard[]> {
  const startTold = (identity: MysqlIdentity) => told(plan, identity.name, () => start(identity));
  const width = 1 + plan.replicas;
  const primaries = await inParallel(startsAtOnce, plan.shards, async (name, index) => {
    const identity = { name, serverId: 1 + index * width, domainId: 1 + index };
    return { identity, primary: await startTold(identity) };
  });
  const followers = primaries.flatMap(({ identity, primary }) =>
    Array.from({ length: plan.replicas }, (_, replica) => ({
      name: `${identity.name}-replica-${1 + replica}`,
      serverId: identity.serverId + 1 + replica,
      domainId: identity.domainId,
      follows: sourceOf(primary),
    })),
  );
  const replicas = await inParallel(startsAtOnce, followers, startTold);
  return primaries.map(({ identity: { name }, primary }, index) => ({
    name,
    primary,
    replicas: replicas.slice(index * plan.replicas, (1 + index) * plan.replicas),
  }));
}

/** Starts a server and tells the progress. */
export async function told<S extends LocalServer>(
  { progress }: Pick<ClusterPlan, 'progress'>,
  name: string,
  start: () => Promise<S>,
): Promise<S> {
  progress(`Starting ${name}`);
  const begun = performance.now();
  const server = await start();
  progress(`${name} answers on port ${server.port} (${Math.round(performance.now() - begun)} ms)`);
  return server;
}
