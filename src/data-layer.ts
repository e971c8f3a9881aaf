import type { DataLayerOptions } from './data-layer/data-layer-options.ts';
import type { DataLayer, WithoutTables } from './data-layer/data-layer-types.ts';
import { followTopology } from './data-layer/follow-topology.ts';
import { membersOf } from './data-layer/members.ts';
import { openFeatures } from './data-layer/open-features.ts';
import { openRedis } from './data-layer/open-redis.ts';
import { inspectServers, openServers } from './data-layer/open-servers.ts';
import { Parts } from './data-layer/parts.ts';
import { readOptions } from './data-layer/read-options.ts';
import { stateOf } from './data-layer/state-of.ts';
import { Call } from './execution/call.ts';
import { CallGate } from './execution/call-gate.ts';
import { Upkeep } from './execution/upkeep.ts';
import { within } from './resilience/time/within.ts';
import type { Tables } from './rows/schema/row-types.ts';
import { noSession } from './rows/sessions/seen-writes.ts';
import { callOptionNames } from './table/call-option-names.ts';
import { sessionsOf } from './table/sessions.ts';
import { TopologyStore } from './topology/topology-store.ts';

/**
 * Checks options, topology, tables and the databases themselves, then opens the data layer. Nothing
 * is opened when the options are wrong, and no traffic flows when the databases are not those that
 * the topology means. Databases that are not up yet are waited for, for up to `startupTimeoutMs`.
 *
 * @throws {ConfigError} with every problem that was found; {@link UnavailableError} naming every shard
 * that did not answer in time; {@link AbortedError} when the `signal` fired.
 *
 * @example
 * const data = await createDataLayer({
 *   topology: 'topology.json', region: 'eu', tables: { users },
 *   redis: process.env.REDIS_URL ?? false, systemTables: 'create',
 * });
 * const ada = await data.users.insert({ country: 'DE', name: 'Ada' });
 * await data.users.get(ada.id);
 * await data.close();
 */
export async function createDataLayer<T extends Tables>(
  options: DataLayerOptions<T>,
): Promise<DataLayer<T>>;
export async function createDataLayer(options: DataLayerOptions<Tables>): Promise<WithoutTables> {
  const startedAt = performance.now();
  const setup = await readOptions(options);
  const { config, topology, observe } = setup;
  const store = new TopologyStore(topology, setup.source.name);
  const starting = new Call(topology, Number.POSITIVE_INFINITY, options.signal);
  const parts = new Parts();
  try {
    const upkeep = new Upkeep(store);
    const calls = new CallGate(store, config.timeoutMs, callOptionNames, observe);
    const servers = openServers(setup, store, upkeep, parts);
    const inspected = await inspectServers(setup, servers, starting);
    const redis = await openRedis(setup, servers, upkeep, parts, starting);
    await within(config.startupTimeoutMs, starting, (call) =>
      servers.inspection.record(inspected, call),
    );
    const features = openFeatures(setup, servers, redis, calls, upkeep, parts);
    observe.attachAll(() => stateOf(servers, redis, calls, setup));
    observe({
      type: 'started',
      epoch: topology.epoch,
      shards: topology.shards.size,
      region: config.region,
      durationMs: performance.now() - startedAt,
    });
    parts.add(upkeep).start();
    servers.gate.watch();
    const follower = parts.add(followTopology(setup, servers));
    follower.start();
    const { handles } = features;
    const tables = Object.fromEntries(handles.map(([label, make]) => [label, make(noSession)]));
    const members = membersOf(setup, servers, redis, features, follower, calls, parts);
    const session = sessionsOf(handles);
    const own: WithoutTables = { tables: Object.freeze(tables), session, ...members };
    return Object.freeze({ ...tables, ...own });
  } catch (error) {
    // Why it did not start is what the caller must hear, whatever closing comes to.
    await Promise.allSettled([parts.close()]);
    throw error;
  } finally {
    starting.end();
  }
}
