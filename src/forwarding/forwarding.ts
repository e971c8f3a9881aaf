import { UnavailableError } from '../errors/database-error.ts';
import { faultBehind, ownerMovedState } from '../errors/driver-fault.ts';
import { Call } from '../execution/call.ts';
import type { Executor } from '../execution/executor.ts';
import type { Deadline } from '../resilience/time/deadline.ts';
import type { Route } from '../routing/route.ts';
import { routeForwarded } from '../routing/router.ts';
import type { Shard } from '../topology/topology.ts';
import { DepartureWatermark } from './departure-watermark.ts';
import { type Forwardable, type Miss, Redirects } from './redirects.ts';

/** More hops than any owner takes between two looks; more would be a circle. */
export const mostHops = 32;

/** How long a move that is in the way may take to be ended. */
const resolvingMs = 2_000;

/** Ends the moves on record at a shard that are in the way: see {@link Forwarding.resolveWith}. */
export type ResolveMoves = (shard: Shard, slot: number | undefined, call: Call) => Promise<unknown>;

/**
 * Finds rows whose owner was moved: their ids go on naming the old place, where a redirect says which
 * slot they went to. What is not found, and what a shard answered about an owner as a whole, is
 * believed only once it is certain that the owner had not left.
 */
export class Forwarding {
  readonly mayMove = true;
  readonly #executor: Executor;
  readonly #records: string;
  readonly #redirects: Redirects;
  /** Of each snapshot its own: another may have a shard elsewhere. */
  readonly #watermarks = new WeakMap<Shard, DepartureWatermark>();
  readonly #resolving = new Map<string, Promise<unknown>>();
  #resolveMoves: ResolveMoves = async () => {};

  /** @param records the table in which outcomes of moves are recorded. */
  constructor(executor: Executor, records: string) {
    this.#executor = executor;
    this.#records = records;
    this.#redirects = new Redirects(executor);
  }

  /**
   * Who ends moves that somebody meets half done. With a slot: those of owners of this slot that can
   * only be waiting for it; without one: those of movers that are taken for dead.
   */
  resolveWith(resolve: ResolveMoves): void {
    this.#resolveMoves = resolve;
  }

  /** Ends the moves that are in the way. Callers who meet the same ones wait for one that does. */
  resolve(
    { topology, shard }: Pick<Route, 'topology' | 'shard'>,
    slot: number | undefined,
    deadline: Deadline,
  ): Promise<unknown> {
    const key = `${shard.name}:${slot}`;
    let resolving = this.#resolving.get(key);
    if (resolving === undefined) {
      const patience = new Call(topology, resolvingMs);
      resolving = this.#resolveMoves(shard, slot, patience).finally(() => {
        patience.end();
        this.#resolving.delete(key);
      });
      this.#resolving.set(key, resolving);
    }
    return deadline.race(resolving);
  }

  /** Where to look first for a row whose id names `home`. No I/O. */
  start(row: Forwardable, home: Route): Route {
    const locator = this.#redirects.hintsOf(row).at(-1);
    if (locator === undefined || locator === home.locator) return home;
    return routeForwarded(home.topology, home.keyspace, locator);
  }

  /** The slots that the ids of an owner's rows may name, as far as this process has seen them. */
  locatorsOf(owner: Forwardable, home: Route): readonly number[] {
    return [home.locator, ...this.#redirects.hintsOf(owner)];
  }

  /**
   * Where a row, or an owner, has gone that `route` said nothing of. Undefined: it had not left when
   * `route` answered. I/O only where it may have.
   */
  async next(row: Forwardable, route: Route, deadline: Deadline): Promise<Route | undefined> {
    const watermark = this.watermarkOf(route.shard);
    if (watermark.covers(route.locator)) return undefined;
    await watermark.refresh(deadline);
    if (watermark.covers(route.locator)) return undefined;
    return this.#redirects.read(row, route, deadline);
  }

  /** {@link next} of many rows of one table, with few questions. */
  async nextMany(
    misses: readonly Miss[],
    deadline: Deadline,
  ): Promise<ReadonlyMap<Forwardable, Route>> {
    const byShard = new Map<Shard, Miss[]>();
    for (const one of misses) {
      const { shard } = one.route;
      const onShard = byShard.get(shard);
      if (onShard === undefined) byShard.set(shard, [one]);
      else onShard.push(one);
    }
    const nexts = await Promise.all(
      [...byShard].map(async ([shard, onShard]) => {
        const watermark = this.watermarkOf(shard);
        const isOpen = ({ route }: Miss) => !watermark.covers(route.locator);
        if (onShard.some(isOpen)) await watermark.refresh(deadline);
        return [...(await this.#redirects.readMany(onShard.filter(isOpen), deadline))];
      }),
    );
    return new Map(nexts.flat());
  }

  /** Tells on the shard that a row's id names that the row is in another slot from its first day. */
  redirect(row: Forwardable, home: Route, to: Route, deadline: Deadline): Promise<void> {
    return this.#redirects.write(row, home, to, deadline);
  }

  /** Where an owner is now, as far as can be told. */
  locate(owner: Forwardable, home: Route, deadline: Deadline): Promise<Route> {
    return this.end(owner, this.start(owner, home), deadline);
  }

  /** Follows an owner's redirects from a place where it has been to their end. */
  async end(owner: Forwardable, from: Route, deadline: Deadline): Promise<Route> {
    const path = new Path(from);
    for (let hop = 0; hop < mostHops; hop++) {
      const next = await this.next(owner, path.route, deadline);
      if (next === undefined) return path.route;
      await this.#go(path, next, deadline);
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
    const path = new Path(this.start(row, home));
    const result = await this.#pursue(row, path, deadline, work, isVoid);
    if (!isVoid(result) || path.hasBeenTo(home)) return result;
    // A row that was deleted where it had gone, and made again under its old id, left no redirect there.
    this.#redirects.forgetHints(row);
    return this.#pursue(row, new Path(home), deadline, work, isVoid);
  }

  async #pursue<T>(
    row: Forwardable,
    path: Path,
    deadline: Deadline,
    work: (route: Route) => Promise<T>,
    isVoid: (result: T) => boolean,
  ): Promise<T> {
    for (let hop = 0; hop < mostHops; hop++) {
      let next: Route | undefined;
      try {
        const result = await work(path.route);
        if (!isVoid(result)) return result;
        next = await this.next(row, path.route, deadline);
        if (next === undefined) return result;
      } catch (error) {
        if (!this.mayHaveRefused(error)) throw error;
        next = await this.#redirects.read(row, path.route, deadline);
        if (next === undefined && !this.hasRefused(error)) throw error;
      }
      await this.#go(path, next, deadline);
    }
    throw lost();
  }

  /** Whether a shard refused a row because its owner is not, or not only, there. */
  hasRefused(error: unknown): boolean {
    return faultBehind(error)?.sqlState === ownerMovedState;
  }

  /** Whether it may have. */
  mayHaveRefused(error: unknown): boolean {
    return this.hasRefused(error) || orphaned.has(faultBehind(error)?.errno);
  }

  /** Where to try again what a shard refused because the owner is not, or not only, there. */
  async afterRefusal(owner: Forwardable, route: Route, deadline: Deadline): Promise<Route> {
    const path = new Path(route);
    await this.#go(path, await this.#redirects.read(owner, route, deadline), deadline);
    return this.end(owner, path.route, deadline);
  }

  /**
   * One step on. Without a next place the shard has refused an owner who has not left, and in a
   * circle the owner has come back: either way a mover is about to finish, or has died.
   */
  async #go(path: Path, next: Route | undefined, deadline: Deadline): Promise<void> {
    if (next === undefined || path.hasBeenTo(next)) {
      await this.resolve(path.route, path.route.locator, deadline).catch((cause) => {
        throw deadline.reason ?? lost(cause);
      });
    }
    if (next !== undefined) path.goTo(next);
  }

  /** Runs a read where an owner is, and again where it has gone if it left before the answer. */
  check<T>(
    owner: Forwardable,
    home: Route,
    deadline: Deadline,
    read: (route: Route) => Promise<T>,
  ): Promise<T> {
    return this.#pursue(
      owner,
      new Path(this.start(owner, home)),
      deadline,
      (route) => {
        this.#prepare(route, deadline);
        return read(route);
      },
      () => true,
    );
  }

  watermarkOf(shard: Shard): DepartureWatermark {
    let watermark = this.#watermarks.get(shard);
    if (watermark === undefined) {
      watermark = new DepartureWatermark(shard, this.#executor, this.#records);
      this.#watermarks.set(shard, watermark);
    }
    return watermark;
  }

  /** Asks for what will be needed at the end, while the work itself is under way. */
  #prepare({ shard, locator }: Route, deadline: Deadline): void {
    const watermark = this.watermarkOf(shard);
    if (watermark.covers(locator)) return;
    // If it fails, whoever needs the answer asks again and hears of it.
    watermark.refresh(deadline).catch(() => undefined);
  }
}

/** A foreign key led to no row: the owner may have left before the row came. */
const orphaned = new Set<unknown>([1216, 1452]);

function lost(cause?: unknown): UnavailableError {
  return new UnavailableError(
    'This row is being moved just now and could not be caught up with. Try again in a moment.',
    { cause },
  );
}

/** The places where a row was looked for. */
class Path {
  readonly #been = new Set<number>();
  #route: Route;

  constructor(start: Route) {
    this.#route = start;
  }

  get route(): Route {
    return this.#route;
  }

  hasBeenTo({ locator }: Route): boolean {
    return locator === this.#route.locator || this.#been.has(locator);
  }

  goTo(next: Route): void {
    this.#been.add(this.#route.locator);
    this.#route = next;
  }
}
