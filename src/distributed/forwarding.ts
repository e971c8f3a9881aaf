import { UnavailableError } from '../errors/database-error.ts';
import { isMeridianError } from '../errors/meridian-error.ts';
import type { Executor } from '../execution/executor.ts';
import { ownerMovedState } from '../mysql/fence-triggers.ts';
import { readForward } from '../mysql/moves-table.ts';
import type { Deadline } from '../resilience/deadline.ts';
import type { Route } from '../routing/route.ts';
import { routeForwarded } from '../routing/router.ts';
import { uuidToBytes } from '../sharding/uuid.ts';
import type { Shard } from '../topology/topology.ts';
import type { TopologyStore } from '../topology/topology-store.ts';
import { ShardMovements } from './shard-movements.ts';

/** More hops than any owner takes between two looks; more would be a circle. */
const mostHops = 64;
const mostHints = 10_000;
const pollMs = 20;

/** What names a row, or an owner, wherever it lives. */
export interface Forwardable {
  readonly table: string;
  /** UUID text, lower case. */
  readonly id: string;
}

/**
 * Finds rows whose owner was moved: their ids go on naming the old place, where a mark says which
 * slot they went to. What is not found, and what a shard answered about an owner as a whole, is
 * believed only once it is certain that the owner had not left.
 */
export class Forwarding {
  readonly #topology: TopologyStore;
  readonly #executor: Executor;
  readonly #shards = new Map<string, ShardMovements>();
  /** Where rows were last seen to have gone: where to start, never what to believe. */
  readonly #hints = new Map<string, readonly number[]>();

  constructor(topology: TopologyStore, executor: Executor) {
    this.#topology = topology;
    this.#executor = executor;
  }

  /** Where to look first for a row whose id names `home`. No I/O. */
  start(row: Forwardable, home: Route): Route {
    if (this.#hints.size === 0) return home;
    const locator = this.#hints.get(keyOf(row))?.at(-1);
    if (locator === undefined) return home;
    return routeForwarded(this.#topology.current, home.keyspace, locator);
  }

  /** The slots that ids of an owner's rows may name, as far as this process has seen them. */
  locatorsOf(row: Forwardable, home: Route): readonly number[] {
    return [home.locator, ...(this.#hints.get(keyOf(row)) ?? [])];
  }

  /**
   * Where a row, or an owner, has gone that `route` said nothing of. Undefined: it had not left when
   * `route` answered. I/O only where it may have.
   */
  async next(row: Forwardable, route: Route, deadline: Deadline): Promise<Route | undefined> {
    const movements = this.#of(route.shard);
    if (movements.isSettled(route.locator)) return undefined;
    await movements.refresh(deadline);
    if (movements.isSettled(route.locator)) return undefined;
    return this.#follow(row, route, deadline);
  }

  /** Where an owner is now, as far as can be told: its marks are followed to their end. */
  async resolve(owner: Forwardable, home: Route, deadline: Deadline): Promise<Route> {
    let route = this.start(owner, home);
    for (let hop = 0; hop < mostHops; hop++) {
      const next = await this.next(owner, route, deadline);
      if (next === undefined) return route;
      route = next;
    }
    throw lost();
  }

  /**
   * Runs `work` where an owner is, and again where it has gone if it left before `work` was done.
   * `work` must be a read, or a change of which `isVoid` says that it did nothing.
   */
  async run<T>(
    owner: Forwardable,
    home: Route,
    deadline: Deadline,
    work: (route: Route) => Promise<T>,
    isVoid: (result: T) => boolean = () => true,
  ): Promise<T> {
    let route = this.start(owner, home);
    for (let hop = 0; hop < mostHops; hop++) {
      this.#prepare(route, deadline);
      let next: Route | undefined;
      try {
        const result = await work(route);
        if (!isVoid(result)) return result;
        next = await this.next(owner, route, deadline);
        if (next === undefined) return result;
      } catch (error) {
        if (!isOwnerMoved(error)) throw error;
        next = await this.#follow(owner, route, deadline);
        if (next === undefined) throw error;
      }
      route = next;
    }
    throw lost();
  }

  /**
   * Monotonic time up to which no owner leaves any of the shards. Waits while some are on their way.
   */
  async quietUntil(shards: readonly Shard[], deadline: Deadline): Promise<number> {
    for (;;) {
      const all = shards.map((shard) => this.#of(shard));
      const until = Math.min(...all.map(({ quietUntil }) => quietUntil));
      if (performance.now() < until) return until;
      const stale = all.filter(({ quietUntil }) => quietUntil <= performance.now());
      await Promise.all(stale.map((movements) => movements.ask(deadline)));
      if (Math.min(...all.map(({ quietUntil }) => quietUntil)) <= performance.now()) {
        await deadline.pause(pollMs);
      }
    }
  }

  /** Asks for what will be needed at the end, while the work itself is under way. */
  #prepare({ shard, locator }: Route, deadline: Deadline): void {
    const movements = this.#of(shard);
    if (movements.isSettled(locator)) return;
    // If it fails, whoever needs the answer asks again and hears of it.
    movements.refresh(deadline).catch(() => undefined);
  }

  async #follow(row: Forwardable, route: Route, deadline: Deadline): Promise<Route | undefined> {
    const endpoints = [route.shard.primary];
    const statement = readForward(row.table, uuidToBytes(row.id));
    const { rows } = await this.#executor.runStatement(endpoints, statement, 'read', deadline);
    if (rows[0] === undefined) return undefined;
    const next = routeForwarded(this.#topology.current, route.keyspace, Number(rows[0].locator));
    this.#remember(row, next);
    return next;
  }

  #remember(row: Forwardable, { locator }: Route): void {
    const key = keyOf(row);
    const chain = (this.#hints.get(key) ?? []).filter((known) => known !== locator);
    this.#hints.delete(key);
    this.#hints.set(key, [...chain, locator]);
    if (this.#hints.size <= mostHints) return;
    const [oldest] = this.#hints.keys();
    if (oldest !== undefined) this.#hints.delete(oldest);
  }

  #of(shard: Shard): ShardMovements {
    let movements = this.#shards.get(shard.name);
    if (movements === undefined) {
      movements = new ShardMovements(shard, this.#executor);
      this.#shards.set(shard.name, movements);
    }
    return movements;
  }
}

/** Whether a shard refused a row because its owner has moved away. */
export function isOwnerMoved(error: unknown): boolean {
  return isMeridianError(error) && error.context.sqlState === ownerMovedState;
}

function keyOf({ table, id }: Forwardable): string {
  return `${table}:${id}`;
}

function lost(): UnavailableError {
  return new UnavailableError(
    'This row is being moved again and again and could not be caught up with. Try again.',
  );
}
