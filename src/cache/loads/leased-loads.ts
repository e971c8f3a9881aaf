import type { Observer } from '../../observability/events.ts';
import type { Deadline } from '../../resilience/time/deadline.ts';
import { type Freshness, lifeOf } from '../freshness.ts';
import { freezeDeep } from '../memory/frozen.ts';
import { type Held, heldCopy } from '../memory/own-copy.ts';
import type { RedisTier } from '../redis/redis-tier.ts';
import type { Gap, Loaded, Sourced } from '../sourced.ts';
import { alone, type Witness } from '../trust.ts';
import { answerFor } from './answer-for.ts';
import type { SingleFlight } from './single-flight.ts';

/** What a load is told, and may tell. */
export interface LoadCall {
  readonly deadline: Deadline;
  /** What it brings under this key, a value or its absence, must not be stored. */
  keepOut(key: string): void;
  /** Whether a copy that lags will do: values have versions, and this one is known not to have changed of late. */
  mayLag(key: string): boolean;
}

/** Loads the values of keys, in their order; null where the source has none. */
export type LoadMany<V> = (
  keys: readonly string[],
  call: LoadCall,
) => Promise<readonly (V | null)[]>;

/** What a load brought for a key. */
export interface Fill<V> {
  readonly sourced: Sourced<V>;
  /**
   * When Redis stored it, milliseconds on the monotonic clock: no change acknowledged before can be
   * missing in it. Undefined when it did not.
   */
  readonly stored?: Promise<number | undefined>;
}

/** The keys that a flight loads, and whom it tells of each. */
export interface FillRequest<V> {
  readonly flight: SingleFlight;
  readonly load: LoadMany<V>;
  readonly freshness: Freshness;
  /** What is found under this key, a value or its absence, must not be stored. */
  keepOut(key: string): void;
  /** Returns false when what Redis had is past its time. */
  fill(key: string, fill: Fill<V>): boolean;
  fail(keys: readonly string[], error: unknown): void;
}

export interface LeasedLoadsConfig {
  readonly name: string;
  placementOf(key: string): string;
  /** What loads bring nobody else holds. */
  readonly ownsLoaded: boolean;
}

/** Keys to load, and what Redis had instead of a value. */
export type Missing = ReadonlyMap<string, Gap>;

/** The right to fill a key. */
interface Grant {
  readonly token: string;
  /** From when the lease tells of changes; undefined when a copy that lags will not do. */
  readonly lag: { readonly witness: Witness; readonly asOfMs: number } | undefined;
}

/** A value that was just loaded, with its life. */
interface Brought<V> extends Loaded<V>, Held<V | null> {
  readonly value: V | null;
  readonly errorMs: number;
}

/** By key; undefined where Redis could give no lease. */
type Grants = ReadonlyMap<string, Grant | undefined>;

const firstPauseMs = 5;
const longestPauseMs = 15;
const renewalsPerLease = 3;

const byOneself: Witness = { trust: alone, generation: alone.generation, youngUntilMs: 0 };

/**
 * Loads from the source, by one process at a time: under a lease in Redis. The others wait for the
 * fill; when the holder takes too long, or dies, they load by themselves.
 *
 * Source: R. Nishtala et al., "Scaling Memcache at Facebook", NSDI 2013, section 3.2.1.
 */
export class LeasedLoads<V> {
  readonly #redis: RedisTier<V> | undefined;
  readonly #config: LeasedLoadsConfig;
  readonly #observe: Observer;

  constructor(redis: RedisTier<V> | undefined, config: LeasedLoadsConfig, observe: Observer) {
    this.#redis = redis;
    this.#config = config;
    this.#observe = observe;
  }

  /** Who tells of a change of a key from now on. */
  witness(key: string): Witness {
    return this.#redis?.witness(key) ?? byOneself;
  }

  /** What Redis has under each key, or why it has nothing. */
  async read(keys: readonly string[]): Promise<ReadonlyMap<string, Sourced<V> | Gap>> {
    const found = new Map<string, Sourced<V> | Gap>();
    const redis = this.#redis;
    if (redis === undefined || keys.length === 0) return found;
    await new Promise<void>((resolve) => {
      for (const key of keys) {
        redis.read(key, this.#config.placementOf(key), (one) => {
          found.set(key, one);
          if (found.size === keys.length) resolve();
        });
      }
    });
    return found;
  }

  /** Loads keys, or waits for those that another process loads. Fills or fails each of them. */
  async load(missing: Missing, request: FillRequest<V>): Promise<void> {
    const { free, held } = await this.#takeLeases(missing, request);
    await Promise.all([this.#loadNow(free, request), held.size > 0 && this.#await(held, request)]);
  }

  /** Loads those keys anew that no other process loads, or has loaded of late. */
  async refresh(keys: readonly string[], request: FillRequest<V>): Promise<void> {
    const due = new Map<string, Gap>();
    const found = await this.read(keys);
    for (const key of keys) {
      const one = found.get(key) ?? 'none';
      if (typeof one === 'string') due.set(key, one);
      else if (!request.fill(key, { sourced: one })) due.set(key, 'unusable');
    }
    const { free } = await this.#takeLeases(due, request);
    await this.#loadNow(free, request);
  }

  /** Keys that may be loaded now, and those that others load. Fills with what is found instead. */
  async #takeLeases(
    missing: Missing,
    request: FillRequest<V>,
  ): Promise<{ readonly free: Grants; readonly held: Missing }> {
    const redis = this.#redis;
    const free = new Map<string, Grant | undefined>();
    const held = new Map<string, Gap>();
    const asked = [...missing];
    const asOfMs = performance.now();
    const witnesses = asked.map(([key]) => this.witness(key));
    const leases = await Promise.all(
      asked.map(([key, gap]) => redis?.lease(key, gap, this.#config.placementOf(key))),
    );
    for (const [index, [key, gap]] of asked.entries()) {
      const lease = leases[index];
      if (lease === undefined || lease.kind === 'alone') free.set(key, undefined);
      else if (lease.kind === 'granted') {
        const witness = witnesses[index] ?? byOneself;
        free.set(key, { token: lease.token, lag: lease.mayLag ? { witness, asOfMs } : undefined });
      } else if (lease.kind !== 'found') held.set(key, gap);
      else if (!request.fill(key, lease)) held.set(key, 'unusable');
    }
    return { free, held };
  }

  async #await(held: Missing, request: FillRequest<V>): Promise<void> {
    const startedAtMs = performance.now();
    const untilMs = startedAtMs + (this.#redis?.leaseMs ?? 0);
    let waiting = held;
    let pauseMs = firstPauseMs;
    try {
      while (waiting.size > 0 && performance.now() < untilMs) {
        await request.flight.deadline.pause(pauseMs);
        pauseMs = Math.min(pauseMs * 1.5, longestPauseMs);
        const asked = waiting;
        const { free, held: still } = await this.#takeLeases(asked, request);
        waiting = still;
        await this.#loadNow(free, request);
      }
    } catch (error) {
      request.fail([...waiting.keys()], error);
      return;
    } finally {
      const durationMs = performance.now() - startedAtMs;
      this.#observe({
        type: 'cache-wait',
        table: this.#config.name,
        keys: held.size,
        durationMs,
      });
    }
    const rest = new Map([...waiting.keys()].map((key) => [key, undefined]));
    await this.#loadNow(rest, request);
  }

  async #loadNow(leases: Grants, request: FillRequest<V>): Promise<void> {
    if (leases.size === 0) return;
    const keys = [...leases.keys()];
    const startedAtMs = performance.now();
    // From before the load: what changes while it runs must be told to whoever keeps its result.
    const witnesses = keys.map((key) => this.witness(key));
    const renewal = this.#keep(leases);
    const call: LoadCall = {
      deadline: request.flight.deadline,
      keepOut: (key) => request.keepOut(key),
      mayLag: (key) => leases.get(key)?.lag !== undefined,
    };
    let values: readonly (V | null)[];
    try {
      values = answerFor(keys, await request.load(keys, call));
    } catch (error) {
      for (const [key, grant] of leases) if (grant) this.#redis?.release(key, grant.token);
      this.#report(keys.length, startedAtMs, 'failed');
      request.fail(keys, error);
      return;
    } finally {
      clearInterval(renewal);
    }
    this.#report(keys.length, startedAtMs, 'done');
    const loadMs = performance.now() - startedAtMs;
    for (const [index, key] of keys.entries()) {
      const grant = leases.get(key);
      const witness = witnesses[index] ?? byOneself;
      try {
        const loaded = this.#loadedOf(values[index] ?? null, startedAtMs, loadMs, request);
        this.#fillLoaded(key, loaded, witness, grant, request);
      } catch (error) {
        if (grant) this.#redis?.release(key, grant.token);
        request.fail([key], error);
      }
    }
  }

  /** What a load brought for one key, as the cache's own where it can be. */
  #loadedOf(
    given: V | null,
    loadedAtMs: number,
    loadMs: number,
    { freshness }: FillRequest<V>,
  ): Brought<V> {
    const { freshMs, errorMs } = lifeOf(given === null, freshness);
    const isOwn = given === null || this.#config.ownsLoaded;
    const held = isOwn ? { value: given, isOwn, ...freezeDeep(given) } : heldCopy(given);
    if ('unfit' in held) {
      this.#observe({ type: 'cache-fault', operation: 'keep', message: unkept(held.unfit) });
    }
    return { ...held, loadedAtMs, freshMs, loadMs, errorMs };
  }

  #fillLoaded(
    key: string,
    { errorMs, ...loaded }: Brought<V>,
    witness: Witness,
    grant: Grant | undefined,
    request: FillRequest<V>,
  ): void {
    const from = grant?.lag ?? { witness, asOfMs: loaded.loadedAtMs };
    const sourced = { ...loaded, ...from, isStored: false };
    if (!loaded.isOwn) request.keepOut(key);
    const lifeMs = loaded.freshMs + errorMs;
    if (!grant) request.fill(key, { sourced });
    else if (request.flight.isFenced(key) || lifeMs <= loaded.loadMs) {
      this.#redis?.release(key, grant.token);
      request.fill(key, { sourced });
    } else {
      const stored = this.#store(key, grant.token, loaded, lifeMs);
      request.fill(key, { sourced, stored });
    }
  }

  async #store(
    key: string,
    token: string,
    loaded: Loaded<V>,
    lifeMs: number,
  ): Promise<number | undefined> {
    const sentAtMs = performance.now();
    const placement = this.#config.placementOf(key);
    const leftMs = lifeMs - loaded.loadMs;
    const isStored = await this.#redis?.fill(key, token, loaded, { lifeMs: leftMs, placement });
    return isStored ? sentAtMs : undefined;
  }

  #keep(leases: Grants): NodeJS.Timeout | undefined {
    const redis = this.#redis;
    if (redis === undefined) return undefined;
    return setInterval(() => {
      for (const [key, grant] of leases) if (grant) redis.renew(key, grant.token);
    }, redis.leaseMs / renewalsPerLease);
  }

  #report(keys: number, startedAtMs: number, outcome: 'done' | 'failed'): void {
    const durationMs = performance.now() - startedAtMs;
    this.#observe({ type: 'cache-load', table: this.#config.name, keys, durationMs, outcome });
  }
}

function unkept(what = 'something'): string {
  return `a value with ${what} in it is not kept, since it would come back as something else: load plain data`;
}
