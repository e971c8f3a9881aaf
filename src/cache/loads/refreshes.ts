import { ClosedError } from '../../errors/call-error.ts';
import type { Observer } from '../../observability/events.ts';
import { Deadline } from '../../resilience/time/deadline.ts';
import type { Freshness } from '../freshness.ts';
import type { Fill, LeasedLoads, LoadMany } from './leased-loads.ts';
import { SingleFlight } from './single-flight.ts';

export interface RefreshConfig {
  readonly freshness: Freshness;
  readonly timeoutMs: number;
}

/** Who keeps what refreshes bring. */
export interface Keeper<V> {
  /** Keeps a value. Returns false when it is past its time itself. */
  keep(key: string, fill: Fill<V>, flight: SingleFlight): boolean;
  /** Nothing may be kept under this key. */
  drop(key: string): void;
}

/** Loads that nobody waits for: of values that are served meanwhile. One at a time for a key. */
export class Refreshes<V> {
  readonly #loads: LeasedLoads<V>;
  readonly #config: RefreshConfig;
  readonly #keeper: Keeper<V>;
  readonly #observe: Observer;
  readonly #running = new Map<string, SingleFlight>();

  constructor(loads: LeasedLoads<V>, config: RefreshConfig, keeper: Keeper<V>, observe: Observer) {
    this.#loads = loads;
    this.#config = config;
    this.#keeper = keeper;
    this.#observe = observe;
  }

  /** The key was invalidated: what its refresh brings is not kept. */
  fence(key: string): void {
    this.#running.get(key)?.fence(key);
    this.#running.delete(key);
  }

  /** Starts to load those keys that are not under way. */
  start(keys: readonly string[], load: LoadMany<V>): void {
    const due = keys.filter((key) => !this.#running.has(key));
    if (due.length === 0) return;
    const flight = new SingleFlight();
    for (const key of due) this.#running.set(key, flight);
    void this.#run(due, flight, load);
  }

  async #run(keys: readonly string[], flight: SingleFlight, load: LoadMany<V>): Promise<void> {
    const patience = new Deadline(this.#config.timeoutMs);
    patience.onCancel((reason) => flight.deadline.cancel(reason));
    const { freshness } = this.#config;
    try {
      await this.#loads.refresh(keys, {
        flight,
        load,
        freshness,
        keepOut: (key) => {
          flight.fence(key);
          this.#keeper.drop(key);
        },
        fill: (key, fill) => this.#keeper.keep(key, fill, flight),
        fail: (_, error) => this.#report(error),
      });
    } catch (error) {
      // Nobody waits for it who could be told.
      this.#report(error);
    } finally {
      patience.end();
      for (const key of keys) if (this.#running.get(key) === flight) this.#running.delete(key);
    }
  }

  #report(error: unknown): void {
    // Who closed the cache knows.
    if (error instanceof ClosedError) return;
    const message = error instanceof Error ? error.message : String(error);
    this.#observe({ type: 'cache-fault', operation: 'refresh', message });
  }
}
