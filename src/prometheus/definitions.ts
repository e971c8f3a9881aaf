interface Definition {
  readonly help: string;
  /** Each with few values: names of the code, the topology and the tables. Never a key, an address or SQL. */
  readonly labels: readonly string[];
  /** How values of several processes come to one, where one asks for all. Default: their sum. */
  readonly aggregator?: 'max' | 'min';
}

type Definitions = Readonly<Record<string, Definition>>;

/*
 * Every metric, by name. Each also has the label `data_layer` where the observer was given a name.
 */

export const counters = {
  meridian_calls_total: {
    help: 'Public calls that have ended, by what came of them.',
    labels: ['operation', 'table', 'outcome', 'code'],
  },
  meridian_call_queued_seconds_total: {
    help: 'Time for which some part of a call waited: for a guard, a connection of its pool, or the room for cache loads.',
    labels: ['table', 'queue'],
  },
  meridian_call_attempts_total: {
    help: 'How often an endpoint was tried on behalf of calls.',
    labels: ['operation', 'table'],
  },
  meridian_call_retries_total: {
    help: 'Attempts, and whole transactions, that were not the first.',
    labels: ['operation', 'table'],
  },
  meridian_statement_failures_total: {
    help: 'Statements that a server refused, or did not answer in time.',
    labels: ['shard', 'endpoint', 'operation'],
  },
  meridian_connection_failures_total: {
    help: 'How often no connection was to be had.',
    labels: ['shard', 'endpoint'],
  },
  meridian_retries_total: {
    help: 'Work that is tried again, by the error of the attempt before it.',
    labels: ['endpoint', 'code'],
  },
  meridian_retries_denied_total: {
    help: 'Work that could be tried again and is not: the retry budget of its shard is spent.',
    labels: ['endpoint', 'code'],
  },
  meridian_hedges_total: {
    help: 'Slow reads for which a second endpoint was asked as well.',
    labels: ['shard'],
  },
  meridian_ejections_total: {
    help: 'Replicas that did worse than their peers and were asked last for a while.',
    labels: ['endpoint', 'reason'],
  },
  meridian_endpoint_faults_total: {
    help: 'What went wrong with an endpoint beside any call: an idle connection lost, a check that failed.',
    labels: ['endpoint'],
  },
  meridian_breaker_transitions_total: {
    help: 'Breakers that changed their state, by the state that they changed to.',
    labels: ['guard', 'state'],
  },
  meridian_read_batches_total: {
    help: 'Statements that read rows for one or several callers.',
    labels: ['table', 'shard'],
  },
  meridian_read_batch_keys_total: {
    help: 'Keys in those statements.',
    labels: ['table', 'shard'],
  },
  meridian_scatters_total: {
    help: 'Statements for all shards of a keyspace.',
    labels: ['keyspace'],
  },
  meridian_cache_reads_total: {
    help: 'Keys that were read, by where their value came from.',
    labels: ['table', 'result'],
  },
  meridian_cache_faults_total: {
    help: 'Redis, or a value in it, was of no use.',
    labels: ['operation'],
  },
  meridian_cache_gaps_total: {
    help: 'Times in which invalidations may have been missed: memory was not believed any more.',
    labels: ['redis'],
  },
  meridian_cache_shadow_reads_total: {
    help: 'Cached values that were compared with their source.',
    labels: ['table', 'outcome'],
  },
  meridian_cache_invalidation_overflows_total: {
    help: 'Times at which there were too many invalidations to remember: all of a cache is forgotten.',
    labels: ['queue'],
  },
  meridian_directory_faults_total: {
    help: 'Steps of the directory that failed, for others to make up for.',
    labels: ['operation'],
  },
  meridian_directory_resolved_total: {
    help: 'Entries of abandoned writes that a sweep resolved.',
    labels: ['result'],
  },
  meridian_relocations_total: {
    help: 'Owners that were moved, by the regions from which and to which.',
    labels: ['table', 'from', 'to'],
  },
  meridian_relocations_resolved_total: {
    help: 'Relocations of processes that died, ended by others.',
    labels: ['shard', 'result'],
  },
  meridian_idempotency_faults_total: {
    help: 'Sweeps of old idempotency keys that failed.',
    labels: [],
  },
  meridian_residency_refusals_total: {
    help: 'What was refused because rows of strict regions may not be elsewhere.',
    labels: ['action'],
  },
} as const satisfies Definitions;

export const histograms = {
  meridian_call_duration_seconds: {
    help: 'Time of public calls; 0 of a read that memory answered at once.',
    labels: ['operation', 'table'],
  },
  meridian_statement_duration_seconds: {
    help: 'Time of statements on a server, from sending to the answer; of a stream to its first row.',
    labels: ['shard', 'endpoint', 'operation'],
  },
  meridian_connection_acquire_duration_seconds: {
    help: 'Time to have a connection of a pool, or to know that there is none.',
    labels: ['shard', 'endpoint'],
  },
  meridian_cache_read_duration_seconds: {
    help: 'Time for which a reader waited for the answer of Redis.',
    labels: ['table'],
  },
  meridian_cache_load_duration_seconds: {
    help: 'Time of loads from the source.',
    labels: ['table', 'outcome'],
  },
  meridian_cache_lease_wait_duration_seconds: {
    help: 'Time for which the fill of another process was waited for.',
    labels: ['table'],
  },
  meridian_relocation_pause_duration_seconds: {
    help: 'Time for which the writers of an owner that moved had to wait.',
    labels: ['table'],
  },
} as const satisfies Definitions;

export const gauges = {
  meridian_calls_running: {
    help: 'Public calls under way.',
    labels: ['kind'],
  },
  meridian_cache_invalidations_pending: {
    help: 'Keys whose invalidation Redis has yet to confirm.',
    labels: ['queue'],
  },
  meridian_directory_in_doubt: {
    help: 'Entries of abandoned writes that the newest sweep of this process could not resolve.',
    labels: [],
    aggregator: 'max',
  },
  meridian_data_layer_ready: {
    help: '1 while calls are of use here: of each keyspace with tables a primary is verified.',
    labels: [],
    aggregator: 'min',
  },
  meridian_topology_epoch: {
    help: 'Epoch of the topology that is used.',
    labels: [],
    aggregator: 'max',
  },
  meridian_endpoint_up: {
    help: '1 while an endpoint is used: it is verified, lets this process in, and its breaker is closed.',
    labels: ['shard', 'endpoint', 'role', 'region'],
    aggregator: 'min',
  },
  meridian_breaker_state: {
    help: '1 for the state in which the breaker of an endpoint is.',
    labels: ['endpoint', 'state'],
  },
  meridian_guard_running: {
    help: 'Work that runs on an endpoint.',
    labels: ['endpoint'],
  },
  meridian_guard_queued: {
    help: 'Work that waits for its turn on an endpoint.',
    labels: ['endpoint'],
  },
  meridian_guard_limit: {
    help: 'Work that may run on an endpoint at once, as the limit is now.',
    labels: ['endpoint'],
  },
  meridian_guard_throttled_ratio: {
    help: 'Share of default calls that are refused because most are turned away, 0 to 1.',
    labels: ['endpoint'],
    aggregator: 'max',
  },
  meridian_pool_connections: {
    help: 'Connections of a pool.',
    labels: ['endpoint', 'state'],
  },
  meridian_pool_connections_max: {
    help: 'Connections that a pool may have.',
    labels: ['endpoint'],
  },
  meridian_redis_up: {
    help: '1 while a Redis is used.',
    labels: ['redis'],
    aggregator: 'min',
  },
} as const satisfies Definitions;

/** The labels of a metric, with their values. */
export type LabelsOf<D extends Definitions, Name extends keyof D> = Readonly<
  Record<D[Name]['labels'][number], string>
>;
