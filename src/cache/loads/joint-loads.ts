import { isMeridianError } from '../../errors/meridian-error.ts';
import { type CacheCall, isTooOld } from '../cache-call.ts';
import type { Freshness } from '../freshness.ts';
import type { MemoryEntry } from '../memory/memory-store.ts';
import { type MemoryTier, mayStandIn } from '../memory/memory-tier.ts';
import type { Gap } from '../sourced.ts';
import { FailureMemory } from './failure-memory.ts';
import type { Fill, LeasedLoads, LoadMany, Missing } from './leased-loads.ts';
import { SingleFlight } from './single-flight.ts';
import { FlightPart, type FlightResult, SingleFlights } from './single-flights.ts';

/** What there is of a key in place of a value that may be served. */
export interface Miss<V> {
  readonly gap: Gap;
  /** What may be served if its source can't answer. */
  readonly standIn?: MemoryEntry<V>;
}

export interface JointLoadsConfig<V> {
  readonly memory: MemoryTier<V>;
  readonly freshness: Freshness;
  /** Milliseconds for which a load's error is given to those who ask next. */
  readonly errorTtlMs: number;
  report(result: 'miss' | 'stale', keys: number): void;
}

/** Loads that callers of this process wait for together. */
export class JointLoads<V> {
  readonly #loads: LeasedLoads<V>;
  readonly #config: JointLoadsConfig<V>;
  readonly #flights = new SingleFlights<V>();
  readonly #failures: FailureMemory | undefined;

  constructor(loads: LeasedLoads<V>, config: JointLoadsConfig<V>) {
    this.#loads = loads;
    this.#config = config;
    this.#failures = config.errorTtlMs > 0 ? new FailureMemory(config.errorTtlMs) : undefined;
  }

  /** Whether nobody loads a key, and it may be loaded. */
  isDue(key: string): boolean {
    return this.#flights.joinable(key) === undefined && this.#failures?.of(key) === undefined;
  }

  /** Starts one load for keys that are due; gives the part of each. */
  start(missing: Missing, load: LoadMany<V>, call: CacheCall): ReadonlyMap<string, FlightPart<V>> {
    const flight = new SingleFlight(call.deadline);
    const parts = new Map<string, FlightPart<V>>();
    for (const key of missing.keys()) {
      const part = new FlightPart<V>(flight, this.#loads.witness(key));
      parts.set(key, part);
      this.#flights.add(key, part);
    }
    this.#config.report('miss', missing.size);
    const fail = (failed: readonly string[], error: unknown) => {
      flight.fail();
      for (const key of failed) {
        if (!flight.isFenced(key)) this.#failures?.add(key, error);
        parts.get(key)?.fail(error);
      }
    };
    const freshness = { ...this.#config.freshness, ...call.freshness };
    const request = {
      flight,
      load,
      freshness,
      // An older value would else be served in place of the one that may not be kept.
      keepOut: (key: string) => {
        flight.fence(key);
        this.#config.memory.delete(key);
      },
      fill: (key: string, fill: Fill<V>) => this.#fill(key, fill, flight, parts.get(key)),
      fail,
    };
    this.#loads.load(missing, request).then(
      () => flight.end(),
      (error: unknown) => {
        fail([...missing.keys()], error);
        flight.end();
      },
    );
    return parts;
  }

  /** Waits for the load of a key as one more caller; starts one where there is none. */
  async join(
    key: string,
    { gap, standIn }: Miss<V>,
    load: LoadMany<V>,
    call: CacheCall,
    beganAtMs: number,
  ): Promise<MemoryEntry<V>> {
    for (let isFirst = true; ; isFirst = false) {
      try {
        let part = this.#flights.joinable(key);
        if (part === undefined) {
          const failure = this.#failures?.of(key);
          if (failure !== undefined) throw failure.error;
          // What did not do the first time may be what is stored by now.
          // Not from the list: a process that was frozen meanwhile finds nothing there that is joinable.
          part = this.start(new Map([[key, isFirst ? gap : 'unusable']]), load, call).get(key);
          if (part === undefined) throw new TypeError('a flight has a part for each of its keys');
        }
        const result = await part.flight.join(part.result, call.deadline);
        if (await this.#suits(result, call, beganAtMs)) return result.entry;
        this.#flights.remove(key, part);
      } catch (error) {
        const old = this.#config.memory.standIn(key) ?? standIn;
        // It stands in for a source that can't answer, not for a value that can't be read.
        const isLasting = isMeridianError(error) && !error.retryable;
        if (old === undefined || isLasting || !mayStandIn(old)) throw error;
        this.#config.report('stale', 1);
        return old;
      }
    }
  }

  /** The key was invalidated. */
  drop(key: string): void {
    this.#failures?.delete(key);
    this.#flights.fence(key);
  }

  /** A value is there: loaded, or stored by the process that was waited for. */
  #fill(
    key: string,
    { sourced, stored }: Fill<V>,
    flight: SingleFlight,
    part: FlightPart<V> | undefined,
  ): boolean {
    const { memory } = this.#config;
    const made = memory.entryOf(key, sourced);
    const entry = flight.isFenced(key) ? made : memory.keep(key, made, sourced);
    if (sourced.isStored && performance.now() >= entry.staleUntilMs) return false;
    part?.fill({ entry, asOfMs: sourced.asOfMs, stored });
    return true;
  }

  /** Whether what a flight brought will do for a caller who may have joined it late. */
  async #suits(
    { entry, asOfMs, stored }: FlightResult<V>,
    call: CacheCall,
    beganAtMs: number,
  ): Promise<boolean> {
    if (isTooOld(entry, call, beganAtMs)) return false;
    if (!this.#config.memory.isOff || beganAtMs <= asOfMs) return true;
    const storedAtMs = await stored;
    return storedAtMs !== undefined && beganAtMs <= storedAtMs;
  }
}
