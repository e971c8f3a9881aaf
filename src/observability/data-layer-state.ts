/**
 * How an endpoint is just now, for gauges.
 *
 * @see {@link StateSource}
 */
export interface EndpointStateNow {
  readonly name: string;
  readonly shard: string;
  readonly role: 'primary' | 'replica';
  readonly region: string;
  /** Whether it is used: verified, and its breaker closed. */
  readonly isUp: boolean;
  readonly breaker: 'closed' | 'open' | 'half-open';
  /** Statements that run, that wait for their turn, and how many may run at once now. */
  readonly running: number;
  readonly queued: number;
  readonly limit: number;
  /** Share of default calls that are refused because most are turned away, 0 to 1. */
  readonly throttled: number;
  /** Connections that are open, or opening; of these the idle; and how many there may be. */
  readonly connections: number;
  readonly idle: number;
  readonly maxConnections: number;
}

/**
 * How a data layer is just now: numbers for gauges, read when they are scraped. No I/O.
 *
 * @see {@link StateSource}
 */
export interface DataLayerState {
  readonly ready: boolean;
  readonly epoch: number;
  /** Calls under way, by what they are for. */
  readonly running: Readonly<Record<string, number>>;
  readonly endpoints: readonly EndpointStateNow[];
  /** Whether each Redis is used, by its region; `redis` where one is for all. */
  readonly redis: Readonly<Record<string, 'up' | 'down'>>;
}
