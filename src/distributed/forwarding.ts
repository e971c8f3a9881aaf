import { UnavailableError } from '../errors/database-error.ts';
import { ownerMovedState } from '../errors/driver-fault.ts';
import { isMeridianError } from '../errors/meridian-error.ts';
import type { Executor } from '../execution/executor.ts';
import { readForward, writeForward } from '../mysql/moves-table.ts';
import type { Deadline } from '../resilience/deadline.ts';
import type { Route } from '../routing/route.ts';
import { routeForwarded } from '../routing/router.ts';
import { uuidToBytes } from '../sharding/uuid.ts';
import type { Shard } from '../topology/topology.ts';
import type { TopologyStore } from '../topology/topology-store.ts';
import { ShardMovements } from './shard-movements.ts';

/** More hops than any owner takes between two looks; more would be a circle. */
const mostHops = 32;
const mostHints = 10_000;
const arrivalPollMs = 10;

/** What names a row, or an owner, wherever it lives. */
export interface Forwardable {
  readonly table: string;
  /** The table of the owners of its group; its own where it has none. */
  readonly owners: string;
  /** UUID text, lower case. */
  readonly id: string;
}

/**
 * Finds rows whose owner was moved: their ids go on naming the old place, where a mark says which
 * slot they went to. What is not found, and what a shard answered about an owner as a whole, is
 * believed only once it is certain that the owner had not left.
 */
export class Forwarding {
  readonly onStuck: (shard: Shard) => void;
  readonly #topology: TopologyStore;
  readonly #executor: Executor;
  readonly #shards = new Map<string, ShardMovements>();
  /** Where rows were last seen to have gone: where to start, never what to believe. */
  readonly #hints = new Map<string, readonly number[]>();

  /** @param onStuck told of a shard when somebody waits for a move there, whose mover may be dead. */
  constructor(topology: TopologyStore, executor: Executor, onStuck: (shard: Shard) => void) {
    this.#topology = topology;
    this.#executor = executor;
    this.onStuck = onStuck;
  }

  /** Where to look first for a row whose id names `home`. No I/O. */
  start(row: Forwardable, home: Route): Route {
    if (this.#hints.size === 0) return home;
    const locator = this.#hints.get(keyOf(row))?.at(-1);
    if (locator === undefined || locator === home.locator) return home;
    return routeForwarded(this.#topology.current, home.keyspace, locator);
  }

  /** The slots that the ids of an owner's rows may name, as far as this process has seen them. */
  locatorsOf(owner: Forwardable, home: Route): readonly number[] {
    return [home.locator, ...(this.#hints.get(keyOf(owner)) ?? [])];
  }

  /**
   * Where a row, or an owner, has gone that `route` said nothing of. Undefined: it had not left when
   * `route` answered. I/O only where it may have.
   */
  async next(row: Forwardable, route: Route, deadline: Deadline): Promise<Route | undefined> {
    const movements = this.movementsOf(route.shard);
    if (movements.isSettled(route.locator)) return undefined;
    await movements.refresh(deadline);
    if (movements.isSettled(route.locator)) return undefined;
    return this.#follow(row, route, deadline);
  }

  /** Where an owner is now, as far as can be told. */
  resolve(owner: Forwardable, home: Route, deadline: Deadline): Promise<Route> {
    return this.end(owner, this.start(owner, home), deadline);
  }

  /** Follows an owner's marks from a place where it has been to their end. */
  async end(owner: Forwardable, from: Route, deadline: Deadline): Promise<Route> {
    let route = from;
    for (let hop = 0; hop < mostHops; hop++) {
      const next = await this.next(owner, route, deadline);
      if (next === undefined) return route;
      route = next;
    }
    throw lost();
  }

  /**
   * Runs work where a row is, and again where it has gone, for as long as it does nothing there.
   *
   * @param isVoid whether the work found or changed nothing, so that it may be run elsewhere.
   */
  async follow<T>(
    row: Forwardable,
    home: Route,
    deadline: Deadline,
    work: (route: Route) => Promise<T>,
    isVoid: (result: T) => boolean,
  ): Promise<T> {
    let route = this.start(row, home);
    const visited = new Set<number>();
    for (let hop = 0; hop < mostHops; hop++) {
      if (visited.has(route.locator)) await this.#waitForArrival(route, deadline);
      visited.add(route.locator);
      let next: Route | undefined;
      try {
        const result = await work(route);
        if (!isVoid(result)) return result;
        next = await this.next(row, route, deadline);
        if (next === undefined) return result;
      } catch (error) {
        if (!mayBeMoved(error)) throw error;
        next = await this.#follow(row, route, deadline);
        if (next === undefined) throw error;
      }
      route = next;
    }
    throw lost();
  }

  /** Runs a read where an owner is, and again where it has gone if it left before the answer. */
  check<T>(
    owner: Forwardable,
    home: Route,
    deadline: Deadline,
    read: (route: Route) => Promise<T>,
  ): Promise<T> {
    return this.follow(
      owner,
      home,
      deadline,
      (route) => {
        this.#prepare(route, deadline);
        return read(route);
      },
      () => true,
    );
  }

  /** Marks on the shard that a row's id names that the row is in another slot from its first day. */
  async mark(
    { table, id }: Forwardable,
    home: Route,
    to: Route,
    deadline: Deadline,
  ): Promise<void> {
    if (home.locator === to.locator) return;
    const statement = writeForward(table, uuidToBytes(id), to.locator, Buffer.alloc(16));
    await this.#executor.runStatement([home.shard.primary], statement, 'write', deadline);
  }

  movementsOf(shard: Shard): ShardMovements {
    let movements = this.#shards.get(shard.name);
    if (movements === undefined) {
      movements = new ShardMovements(shard, this.#executor);
      this.#shards.set(shard.name, movements);
    }
    return movements;
  }

  /** Asks for what will be needed at the end, while the work itself is under way. */
  #prepare({ shard, locator }: Route, deadline: Deadline): void {
    const movements = this.movementsOf(shard);
    if (movements.isSettled(locator)) return;
    // If it fails, whoever needs the answer asks again and hears of it.
    movements.refresh(deadline).catch(() => undefined);
  }

  /** Back where it was before: both places say that it went to the other, until its mover is done. */
  async #waitForArrival({ shard }: Route, deadline: Deadline): Promise<void> {
    this.onStuck(shard);
    await deadline.pause(arrivalPollMs);
  }

  async #follow(row: Forwardable, route: Route, deadline: Deadline): Promise<Route | undefined> {
    const endpoints = [route.shard.primary];
    const statement = readForward(row.table, row.owners, uuidToBytes(row.id));
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
}

/** A foreign key led to no row: the owner may have left before the row came. */
const orphaned = new Set<unknown>([1216, 1452]);

/** Whether a shard may have refused a row because its owner has moved away. */
export function mayBeMoved(error: unknown): boolean {
  if (!isMeridianError(error)) return false;
  const { sqlState, errno } = error.context;
  return sqlState === ownerMovedState || orphaned.has(errno);
}

function lost(): UnavailableError {
  return new UnavailableError(
    'This row is being moved just now and could not be caught up with. Try again in a moment.',
  );
}

function keyOf({ owners, id }: Forwardable): string {
  return `${owners}:${id}`;
}
