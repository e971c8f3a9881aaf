import type { DataLayerConfig } from '../config/data-layer-options.ts';
import { type IdentityRow, verifyIdentity } from '../identity/identity-table.ts';
import { EndpointPool } from '../mysql/server/endpoint-pool.ts';
import { ping } from '../mysql/server/ping.ts';
import type { Session } from '../mysql/server/session.ts';
import type { Observer } from '../observability/events.ts';
import { Guard } from '../resilience/guard.ts';
import type { Endpoint } from '../topology/topology.ts';

/** The options `pool` and `breaker` of the data layer. */
export type EndpointsConfig = DataLayerConfig['pool'] & {
  readonly breaker: DataLayerConfig['breaker'];
  readonly debugErrors?: boolean | undefined;
};

/** One endpoint's pool and the guard round it. */
export interface GuardedEndpoint {
  readonly endpoint: Endpoint;
  readonly pool: EndpointPool;
  readonly guard: Guard;
  /** Sessions that run what may be repeated: begun again elsewhere if this endpoint falls silent. */
  readonly repeatable: Set<Session>;
}

/** The pools of all endpoints; each is made when first asked for. */
export class Endpoints {
  readonly #config: EndpointsConfig;
  readonly #observe: Observer;
  readonly #byName = new Map<string, GuardedEndpoint>();

  constructor(config: EndpointsConfig, observe: Observer) {
    this.#config = config;
    this.#observe = observe;
  }

  of(endpoint: Endpoint): GuardedEndpoint {
    const known = this.#byName.get(endpoint.name);
    if (known !== undefined) return known;
    const repeatable = new Set<Session>();
    const guard = this.#guardOf(endpoint, () => {
      for (const session of repeatable) session.abandon();
    });
    const guarded = { endpoint, pool: this.#poolOf(endpoint), guard, repeatable };
    this.#byName.set(endpoint.name, guarded);
    return guarded;
  }

  /** Holds every further connection of an endpoint against what its database was found to be. */
  expect(endpoint: Endpoint, identity: IdentityRow): void {
    const { pool } = this.of(endpoint);
    pool.require((ask) => verifyIdentity(ask, identity, endpoint.role));
  }

  async close(): Promise<void> {
    await Promise.all(
      [...this.#byName.values()].map(({ pool, guard }) => {
        guard.close();
        return pool.close();
      }),
    );
  }

  #poolOf({ name, address }: Endpoint): EndpointPool {
    const { connections, connectTimeoutMs, debugErrors } = this.#config;
    return new EndpointPool(address, {
      connections,
      connectTimeoutMs,
      debugErrors,
      onFault: ({ message }) => this.#observe({ type: 'endpoint-fault', endpoint: name, message }),
    });
  }

  #guardOf({ name, address }: Endpoint, onTrip: () => void): Guard {
    const { connections, queue, adaptive, throttle, breaker } = this.#config;
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
        probe: () => ping(address, breaker.probeTimeoutMs),
      },
      this.#observe,
    );
  }
}
