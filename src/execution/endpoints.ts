import type { DataLayerConfig } from '../config/data-layer-config.ts';
import { type IdentityRow, verifyIdentity } from '../identity/identity-table.ts';
import { EndpointPool } from '../mysql/server/endpoint-pool.ts';
import { ping } from '../mysql/server/ping.ts';
import type { Session } from '../mysql/server/session.ts';
import { isWanted, type Observer } from '../observability/events.ts';
import { operationOf } from '../observability/statement-events.ts';
import { Guard } from '../resilience/guard.ts';
import type { Certificates } from '../tls/certificates.ts';
import { type Endpoint, endpointKey } from '../topology/topology.ts';

/** The options `pool` and `breaker` of the data layer. */
export type EndpointsConfig = DataLayerConfig['pool'] & {
  readonly breaker: DataLayerConfig['breaker'];
  readonly debugErrors?: boolean | undefined;
  /** Where the address says TLS. */
  readonly certificates?: Certificates | undefined;
};

/** One endpoint's pool and the guard round it. */
export interface GuardedEndpoint {
  readonly endpoint: Endpoint;
  readonly pool: EndpointPool;
  readonly guard: Guard;
  /** Sessions that run what may be repeated: begun again elsewhere if this endpoint falls silent. */
  readonly repeatable: Set<Session>;
}

/**
 * The pools of all endpoints; each is made when first asked for. An endpoint of another snapshot has the
 * same pool as long as its address is the same.
 */
export class Endpoints {
  readonly #config: EndpointsConfig;
  readonly #observe: Observer;
  readonly #open = new Map<string, GuardedEndpoint>();
  readonly #retired = new Set<GuardedEndpoint>();
  /** Calls that run on an older snapshot go on with what they had, retired or not. */
  readonly #known = new WeakMap<Endpoint, GuardedEndpoint>();

  constructor(config: EndpointsConfig, observe: Observer) {
    this.#config = config;
    this.#observe = observe;
  }

  of(endpoint: Endpoint): GuardedEndpoint {
    const known = this.#known.get(endpoint);
    if (known !== undefined) return known;
    const key = endpointKey(endpoint);
    const guarded = this.#open.get(key) ?? this.#make(endpoint);
    this.#open.set(key, guarded);
    this.#known.set(endpoint, guarded);
    return guarded;
  }

  /**
   * Retires the pools whose address none of these endpoints has any more. What runs there runs on to its
   * end, which this waits for; nothing new is begun.
   */
  async retireBut(named: Iterable<Endpoint>): Promise<void> {
    const kept = new Set([...named].map(endpointKey));
    const leaving = [...this.#open].filter(([key]) => !kept.has(key));
    await Promise.all(
      leaving.map(async ([key, guarded]) => {
        this.#open.delete(key);
        this.#retired.add(guarded);
        await guarded.pool.retire();
        if (!this.#retired.delete(guarded)) return;
        guarded.guard.close();
        await guarded.pool.close();
      }),
    );
  }

  /** Holds every further connection of an endpoint against what its database was found to be. */
  expect(endpoint: Endpoint, identity: IdentityRow): void {
    const { pool } = this.of(endpoint);
    pool.require((ask) => verifyIdentity(ask, identity, endpoint.role));
  }

  async close(): Promise<void> {
    const all = [...this.#open.values(), ...this.#retired];
    this.#retired.clear();
    await Promise.all(
      all.map(({ pool, guard }) => {
        guard.close();
        return pool.close();
      }),
    );
  }

  #make(endpoint: Endpoint): GuardedEndpoint {
    const repeatable = new Set<Session>();
    const guard = this.#guardOf(endpoint, () => {
      for (const session of repeatable) session.abandon();
    });
    return { endpoint, pool: this.#poolOf(endpoint), guard, repeatable };
  }

  #poolOf({ name, shard, address }: Endpoint): EndpointPool {
    const { connections, connectTimeoutMs, debugErrors, certificates } = this.#config;
    const observe = this.#observe;
    const of = { shard, endpoint: name };
    const onStatement = (sql: string, durationMs: number, isDone: boolean) =>
      observe({
        type: 'statement',
        ...of,
        operation: operationOf(sql),
        durationMs,
        outcome: isDone ? 'done' : 'failed',
      });
    const onAcquired = (durationMs: number, isDone: boolean) =>
      observe({ type: 'acquire', ...of, durationMs, outcome: isDone ? 'done' : 'failed' });
    return new EndpointPool(
      { ...address, certificates },
      {
        connections,
        connectTimeoutMs,
        debugErrors,
        onFault: ({ message }) => observe({ type: 'endpoint-fault', endpoint: name, message }),
        ...(isWanted(observe, 'statement') && { onStatement }),
        ...(isWanted(observe, 'acquire') && { onAcquired }),
      },
    );
  }

  #guardOf({ name, address }: Endpoint, onTrip: () => void): Guard {
    const { connections, queue, adaptive, throttle, breaker, certificates } = this.#config;
    return new Guard(
      name,
      {
        // As many calls as connections: the queue is the guard's, where it is bounded and timed.
        concurrency: connections,
        queue,
        adaptive,
        throttle,
        ...breaker,
        onTrip,
        probe: () => ping({ ...address, certificates }, breaker.probeTimeoutMs),
      },
      this.#observe,
    );
  }
}
