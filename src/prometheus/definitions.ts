interface Definition {
  readonly help: string;
  /** Each with few values: names of the code, the topology and the tables. Never a key, an address or SQL. */
  readonly labels: readonly string[];
  /** How values of several processes come to one, where one asks for all. Default: their sum. */
  readonly aggregator?: 'max' | 'min';
}

type Definitions = Readonly<Record<string, Definition>>;

/*
 * Every metric, by its name without `meridian_`. Each also has the label `data_layer` where the observer was given a name.
 */

export const counters = {
  calls_total: {
    help: 'Public calls that have ended',
    labels: ['operation', 'table', 'outcome', 'code'],
  },
  call_queued_seconds_total: {
    help: 'Time for which some part of a call waited',
    labels: ['table', 'queue'],
  },
  call_attempts_total: {
    help: 'How often an endpoint was tried on behalf of calls',
    labels: ['operation', 'table'],
  },
  call_retries_total: {
    help: 'Attempts and transactions that were not the first',
    labels: ['operation', 'table'],
  },
  statement_failures_total: {
    help: 'Statements that a server refused',
    labels: ['shard', 'endpoint', 'operation'],
  },
  connection_failures_total: {
    help: 'How often no connection was to be had',
    labels: ['shard', 'endpoint'],
  },
  retries_total: {
    help: 'Work that is tried again',
    labels: ['endpoint', 'code'],
  },
  retries_denied_total: {
    help: 'Work that could be tried again and is not',
    labels: ['endpoint', 'code'],
  },
  hedges_total: {
    help: 'Slow reads for which a second endpoint was asked as well',
    labels: ['shard'],
  },
  ejections_total: {
    help: 'Replicas that did worse than their peers and were asked last for a while',
    labels: ['endpoint', 'reason'],
  },
  endpoint_faults_total: {
    help: 'What went wrong with an endpoint beside any call',
    labels: ['endpoint'],
  },
  breaker_transitions_total: {
    help: 'Breakers that changed their state',
    labels: ['guard', 'state'],
  },
  read_batches_total: {
    help: 'Statements that read rows for one or several callers',
    labels: ['table', 'shard'],
  },
  read_batch_keys_total: {
    help: 'Keys in those statements',
    labels: ['table', 'shard'],
  },
  scatters_total: {
    help: 'Statements for all shards of a keyspace',
    labels: ['keyspace'],
  },
  cache_reads_total: {
    help: 'Keys that were read',
    labels: ['table', 'result'],
  },
  cache_faults_total: {
    help: 'Redis or a value in it was of no use',
    labels: ['operation'],
  },
  cache_gaps_total: {
    help: 'Times in which invalidations may have been missed',
    labels: ['redis'],
  },
  cache_shadow_reads_total: {
    help: 'Cached values that were compared with their source',
    labels: ['table', 'outcome'],
  },
  cache_invalidation_overflows_total: {
    help: 'Times at which there were too many invalidations to remember',
    labels: ['queue'],
  },
  directory_faults_total: {
    help: 'Steps of the directory that failed',
    labels: ['operation'],
  },
  directory_resolved_total: {
    help: 'Entries of abandoned writes that a sweep resolved',
    labels: ['result'],
  },
  relocations_total: {
    help: 'Owners that were moved',
    labels: ['table', 'from', 'to'],
  },
  relocations_resolved_total: {
    help: 'Relocations of processes that died',
    labels: ['shard', 'result'],
  },
  scrape_faults_total: {
    help: 'Scrapes at which a data layer could not be read',
    labels: [],
  },
  relocation_faults_total: {
    help: 'Sweeps of what dead movers had left behind that failed',
    labels: [],
  },
  idempotency_faults_total: {
    help: 'Sweeps of old idempotency keys that failed',
    labels: [],
  },
  residency_refusals_total: {
    help: 'What was refused because rows of strict regions may not be elsewhere',
    labels: ['action'],
  },
} as const satisfies Definitions;

export const histograms = {
  call_duration_seconds: {
    help: 'Time of public calls',
    labels: ['operation', 'table'],
  },
  statement_duration_seconds: {
    help: 'Time of statements on a server',
    labels: ['shard', 'endpoint', 'operation'],
  },
  connection_acquire_duration_seconds: {
    help: 'Time to have a connection of a pool',
    labels: ['shard', 'endpoint'],
  },
  cache_read_duration_seconds: {
    help: 'Time for which a reader waited for the answer of Redis',
    labels: ['table'],
  },
  cache_load_duration_seconds: {
    help: 'Time of loads from the source',
    labels: ['table', 'outcome'],
  },
  cache_lease_wait_duration_seconds: {
    help: 'Time for which the fill of another process was waited for',
    labels: ['table'],
  },
  relocation_pause_duration_seconds: {
    help: 'Time for which the writers of an owner that moved had to wait',
    labels: ['table'],
  },
} as const satisfies Definitions;

export const gauges = {
  calls_running: {
    help: 'Public calls under way',
    labels: ['kind'],
  },
  cache_invalidations_pending: {
    help: 'Keys whose invalidation Redis has yet to confirm',
    labels: ['queue'],
  },
  directory_in_doubt: {
    help: 'Entries of abandoned writes that the newest sweep of this process could not resolve',
    labels: [],
    aggregator: 'max',
  },
  data_layer_ready: {
    help: '1 while calls are of use here',
    labels: [],
    aggregator: 'min',
  },
  topology_epoch: {
    help: 'Epoch of the topology that is used',
    labels: [],
    aggregator: 'max',
  },
  endpoint_up: {
    help: '1 while an endpoint is used',
    labels: ['shard', 'endpoint', 'role', 'region'],
    aggregator: 'min',
  },
  breaker_state: {
    help: '1 for the state in which the breaker of an endpoint is',
    labels: ['endpoint', 'state'],
  },
  guard_running: {
    help: 'Work that runs on an endpoint',
    labels: ['endpoint'],
  },
  guard_queued: {
    help: 'Work that waits for its turn on an endpoint',
    labels: ['endpoint'],
  },
  guard_limit: {
    help: 'Work that may run on an endpoint at once',
    labels: ['endpoint'],
  },
  guard_throttled_ratio: {
    help: 'Share of default calls that are refused because most are turned away',
    labels: ['endpoint'],
    aggregator: 'max',
  },
  pool_connections: {
    help: 'Connections of a pool',
    labels: ['endpoint', 'state'],
  },
  pool_connections_max: {
    help: 'Connections that a pool may have',
    labels: ['endpoint'],
  },
  redis_up: {
    help: '1 while a Redis is used',
    labels: ['redis'],
    aggregator: 'min',
  },
} as const satisfies Definitions;

/** The labels of a metric, with their values. */
export type LabelsOf<D extends Definitions, Name extends keyof D> = Readonly<
  Record<D[Name]['labels'][number], string>
>;
