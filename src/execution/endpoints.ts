import type { DataLayerConfig } from '../config/data-layer-config.ts';
import { type IdentityRow, verifyIdentity } from '../identity/identity-table.ts';
import type { Credentials, ServerAddress } from '../mysql/server/connection-options.ts';
import { EndpointPool } from '../mysql/server/endpoint-pool.ts';
import { ping } from '../mysql/server/ping.ts';
import type { Session } from '../mysql/server/session.ts';
import { isWanted, type Observer } from '../observability/events.ts';
import { operationOf } from '../observability/statement-events.ts';
import type { GuardState } from '../resilience/breaker/breaker.ts';
import { Guard } from '../resilience/guard.ts';
import type { Certificates } from '../tls/certificates.ts';
import { type Endpoint, endpointKey } from '../topology/topology.ts';

/**
 * Who connections to a server are opened as: it is asked at each opening.
 *
 * @example
 * const credentials: CredentialsOf = async ({ shard }) => ({ user: 'app', password: await secretOf(shard) });
 * await createDataLayer({ ...options, credentials });
 */
export type CredentialsOf = (endpoint: {
  /** `eu-1/primary`. */
  readonly name: string;
  readonly shard: string;
  readonly role: 'primary' | 'replica';
  readonly region: string;
  readonly host: string;
  readonly port: number;
}) => Credentials | Promise<Credentials>;

/** The options `pool` and `breaker` of the data layer. */
export type EndpointsConfig = DataLayerConfig['pool'] & {
  readonly breaker: DataLayerConfig['breaker'];
  readonly debugErrors?: boolean | undefined;
  /** Where the address says TLS. */
  readonly certificates?: Certificates | undefined;
  readonly credentials?: CredentialsOf | undefined;
};

/** One endpoint's pool and the guard round it. */
export interface GuardedEndpoint {
  readonly endpoint: Endpoint;
  readonly pool: EndpointPool;
  readonly guard: Guard;
  /** Sessions that run what may be repeated: begun again elsewhere if this endpoint falls silent. */
  readonly repeatable: Set<Session>;
}

interface Retired {
  readonly guarded: GuardedEndpoint;
  readonly cut: NodeJS.Timeout;
}

/**
 * The pools of all endpoints; each is made when first asked for. An endpoint of another snapshot has the
 * same pool as long as its address is the same.
 */
export class Endpoints {
  readonly #config: EndpointsConfig;
  readonly #observe: Observer;
  /** By key, as the retired ones are. */
  readonly #open = new Map<string, GuardedEndpoint>();
  readonly #retired = new Map<string, Retired>();
  readonly #closing = new Set<Promise<void>>();
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
    const guarded = this.#open.get(key) ?? this.#retired.get(key)?.guarded ?? this.#make(endpoint);
    if (!this.#retired.has(key)) this.#open.set(key, guarded);
    this.#known.set(endpoint, guarded);
    return guarded;
  }

  /** The state of its breaker; undefined where it was not asked yet. */
  breakerOf(endpoint: Endpoint): GuardState | undefined {
    return this.#known.get(endpoint)?.guard.state;
  }

  /**
   * Retires the pools whose address none of these endpoints has any more: calls on older snapshots go on
   * there, and no connection is kept for others.
   *
   * @param drainMs after which what still runs there is cut off.
   * @param gone told of each endpoint whose pool is closed, unless its address was named again before.
   */
  retireBut(named: Iterable<Endpoint>, drainMs: number, gone: (endpoint: Endpoint) => void): void {
    const kept = new Set(this.reinstate(named));
    for (const [key, guarded] of this.#open) {
      if (kept.has(key)) continue;
      this.#open.delete(key);
      guarded.pool.retire();
      const cut = setTimeout(() => {
        this.#retired.delete(key);
        gone(guarded.endpoint);
        const closing = closeOf(guarded).finally(() => this.#closing.delete(closing));
        this.#closing.add(closing);
      }, drainMs);
      cut.unref();
      this.#retired.set(key, { guarded, cut });
    }
  }

  /**
   * Takes pools back that were retired and whose address these endpoints name again.
   *
   * @returns the endpoints' keys.
   */
  reinstate(named: Iterable<Endpoint>): string[] {
    const keys = [...named].map(endpointKey);
    for (const key of keys) this.#reinstate(key);
    return keys;
  }

  /** Holds every further connection of an endpoint against what its database was found to be. */
  expect(endpoint: Endpoint, identity: IdentityRow): void {
    const { pool } = this.of(endpoint);
    pool.require((ask) => verifyIdentity(ask, identity, endpoint.role));
  }

  async close(): Promise<void> {
    const all = [...this.#open.values()];
    for (const { guarded, cut } of this.#retired.values()) {
      clearTimeout(cut);
      all.push(guarded);
    }
    this.#retired.clear();
    await Promise.all([...this.#closing, ...all.map(closeOf)]);
  }

  /** Its address was left of late, and is named again. */
  #reinstate(key: string): void {
    const retired = this.#retired.get(key);
    if (retired === undefined) return;
    const { guarded, cut } = retired;
    clearTimeout(cut);
    this.#retired.delete(key);
    guarded.pool.reinstate();
    this.#open.set(key, guarded);
  }

  #make(endpoint: Endpoint): GuardedEndpoint {
    const repeatable = new Set<Session>();
    const guard = this.#guardOf(endpoint, () => {
      for (const session of repeatable) session.abandon();
    });
    return { endpoint, pool: this.#poolOf(endpoint), guard, repeatable };
  }

  /** Where and as whom connections to it are opened. */
  #addressOf({ name, shard, role, region, address }: Endpoint): ServerAddress {
    const { certificates, credentials: ask } = this.#config;
    const { host, port } = address;
    const who = { name, shard, role, region, host, port };
    return { ...address, certificates, credentials: ask && (async () => ask(who)) };
  }

  #poolOf(endpoint: Endpoint): EndpointPool {
    const { name, shard } = endpoint;
    const { connections, connectTimeoutMs, debugErrors } = this.#config;
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
    return new EndpointPool(this.#addressOf(endpoint), {
      connections,
      connectTimeoutMs,
      debugErrors,
      onFault: ({ message }) => observe({ type: 'endpoint-fault', endpoint: name, message }),
      ...(isWanted(observe, 'statement') && { onStatement }),
      ...(isWanted(observe, 'acquire') && { onAcquired }),
    });
  }

  #guardOf(endpoint: Endpoint, onTrip: () => void): Guard {
    const { connections, queue, adaptive, throttle, breaker } = this.#config;
    return new Guard(
      endpoint.name,
      {
        // As many calls as connections: the queue is the guard's, where it is bounded and timed.
        concurrency: connections,
        queue,
        adaptive,
        throttle,
        ...breaker,
        onTrip,
        probe: () => ping(this.#addressOf(endpoint), breaker.probeTimeoutMs),
      },
      this.#observe,
    );
  }
}

function closeOf({ guard, pool }: GuardedEndpoint): Promise<void> {
  guard.close();
  return pool.close();
}
