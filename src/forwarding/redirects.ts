import type { Executor } from '../execution/executor.ts';
import { inChunks } from '../execution/in-chunks.ts';
import { bytesOf } from '../mysql/sql/sql.ts';
import type { Deadline } from '../resilience/time/deadline.ts';
import type { Route } from '../routing/route.ts';
import { routeForwarded } from '../routing/router.ts';
import { uuidFromBytes, uuidToBytes } from '../sharding/ids/uuid.ts';
import { readForward, readForwards, writeForward } from './forward-table.ts';

const mostHints = 10_000;
const redirectsPerQuestion = 256;

/** What names a row, or an owner, wherever it lives. */
export interface Forwardable {
  readonly table: string;
  /** The table of the owners of its group; its own where it has none. */
  readonly owners: string;
  /** UUID text, lower case. */
  readonly id: string;
}

/** A row, and a place where it was not. */
export interface Miss {
  readonly row: Forwardable;
  readonly route: Route;
}

/** The redirects that say which slot a row went to, and what this process remembers of them. */
export class Redirects {
  readonly #executor: Executor;
  /** Where rows were last seen to have gone: where to start, never what to believe. */
  readonly #hints = new Map<string, readonly number[]>();

  constructor(executor: Executor) {
    this.#executor = executor;
  }

  /** The slots that redirects have led to for a row, the newest last. */
  hintsOf(row: Forwardable): readonly number[] {
    return this.#hints.size === 0 ? none : (this.#hints.get(keyOf(row)) ?? none);
  }

  forgetHints(row: Forwardable): void {
    this.#hints.delete(keyOf(row));
  }

  /** Where a row has gone, by the redirect at a place. */
  async read(row: Forwardable, route: Route, deadline: Deadline): Promise<Route | undefined> {
    const statement = readForward(row.table, row.owners, uuidToBytes(row.id));
    const { rows } = await this.#executor.ask(route.shard.primary, statement, deadline);
    if (rows[0] === undefined) return undefined;
    const next = routeForwarded(route.topology, route.keyspace, Number(rows[0].locator));
    this.#remember(row, next);
    return next;
  }

  /** Of rows of one table on one shard: by row, where those went that have a redirect. */
  async readMany(misses: readonly Miss[], deadline: Deadline): Promise<Map<Forwardable, Route>> {
    const nexts = new Map<Forwardable, Route>();
    for (const chunk of inChunks(misses, redirectsPerQuestion)) {
      await this.#readChunk(chunk, nexts, deadline);
    }
    return nexts;
  }

  /** Tells on the shard that a row's id names that the row is in another slot from its first day. */
  async write(
    { table, id }: Forwardable,
    home: Route,
    to: Route,
    deadline: Deadline,
  ): Promise<void> {
    if (home.locator === to.locator) return;
    const statement = writeForward(table, uuidToBytes(id), to.locator, Buffer.alloc(16));
    await this.#executor.runStatement([home.shard.primary], statement, 'write', deadline);
  }

  async #readChunk(
    asked: readonly Miss[],
    nexts: Map<Forwardable, Route>,
    deadline: Deadline,
  ): Promise<void> {
    const [first] = asked;
    if (first === undefined) return;
    const { topology, shard, keyspace } = first.route;
    const { table, owners } = first.row;
    const statement = readForwards(
      table,
      owners,
      asked.map(({ row }) => uuidToBytes(row.id)),
    );
    const { rows } = await this.#executor.ask(shard.primary, statement, deadline);
    const locators = new Map(
      rows.map(({ id, locator }) => [uuidFromBytes(bytesOf(id)), Number(locator)]),
    );
    for (const { row } of asked) {
      const locator = locators.get(row.id);
      if (locator === undefined) continue;
      const next = routeForwarded(topology, keyspace, locator);
      this.#remember(row, next);
      nexts.set(row, next);
    }
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

const none: readonly number[] = [];

function keyOf({ owners, id }: Forwardable): string {
  return `${owners}:${id}`;
}
