import { EndpointPool } from '../mysql/endpoint-pool.ts';
import type { Observer } from '../observability/events.ts';
import { Guard, type GuardConfig } from '../resilience/guard.ts';
import type { Endpoint } from '../topology/topology.ts';

export interface EndpointsConfig {
  /** Connections to one endpoint, and so statements running on it at once. */
  readonly connections: number;
  /** Statements that may wait for a connection of one endpoint. */
  readonly queue: number;
  readonly connectTimeoutMs: number;
  readonly breaker: Pick<GuardConfig, 'failures' | 'openMs'>;
}

/** One endpoint's pool and the guard round it. */
export interface GuardedEndpoint {
  readonly endpoint: Endpoint;
  readonly pool: EndpointPool;
  readonly guard: Guard;
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
    const { connections, queue, connectTimeoutMs, breaker } = this.#config;
    const guarded = {
      endpoint,
      pool: new EndpointPool(endpoint.address, {
        connections,
        connectTimeoutMs,
        onFault: ({ message }) =>
          this.#observe({ type: 'endpoint-fault', endpoint: endpoint.name, message }),
      }),
      // As many calls as connections: the queue is the guard's, where it is bounded and timed.
      guard: new Guard(
        endpoint.name,
        { concurrency: connections, queue, ...breaker },
        this.#observe,
      ),
    };
    this.#byName.set(endpoint.name, guarded);
    return guarded;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#byName.values()].map(({ pool }) => pool.close()));
  }
}
