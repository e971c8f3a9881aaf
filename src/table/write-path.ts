import { type Forwarding, isOwnerMoved } from '../distributed/forwarding.ts';
import type { Forwardable } from '../distributed/forwarding-marks.ts';
import { AbortedError, TimeoutError } from '../errors/call-error.ts';
import { UnknownOutcomeError } from '../errors/database-error.ts';
import { isMeridianError } from '../errors/meridian-error.ts';
import { PartialWriteError, type ShardResult } from '../errors/scatter-error.ts';
import type { CallOptions } from '../execution/calls.ts';
import { runTransaction } from '../execution/transaction.ts';
import type { StatementResult } from '../mysql/sql.ts';
import type { Deadline } from '../resilience/deadline.ts';
import type { Route } from '../routing/route.ts';
import type { ShardKey } from '../sharding/shard-key.ts';
import type { Endpoint, Shard } from '../topology/topology.ts';
import type { RowOf, RowSchema } from './define-table.ts';
import { forwardable, ownerOf } from './forwardable.ts';
import { placeOwnId } from './place-own-id.ts';
import type { TableRuntime } from './table-runtime.ts';
import { thenForget } from './then-forget.ts';
import { writeToken } from './token.ts';
import {
  insertBatches,
  type PlannedChange,
  type PlannedRow,
  planDelete,
  planInsert,
  planUpdate,
} from './write-plan.ts';

/** What a write did. */
export interface WriteResult {
  /** Rows that matched. 0: there is no row with this key. */
  readonly affected: number;
  /** What a later read must have seen to see this write; undefined when the server gives none. */
  readonly token: string | undefined;
  /**
   * `pending`: the row is written, but Redis did not confirm that it forgot the old one. It is told
   * again; until then other processes may serve the old row for at most ttl + stale.
   */
  readonly invalidation: 'done' | 'pending';
}

type Input = Readonly<Record<string, unknown>>;

/** How often rows are sent after owners who move before they arrive. */
const mostHops = 8;

/** How rows are written: one statement on the primary, then the cache forgets what it held. */
export class WritePath<Schema extends RowSchema> {
  readonly #runtime: TableRuntime<Schema>;

  constructor(runtime: TableRuntime<Schema>) {
    this.#runtime = runtime;
  }

  insert(input: Input, options: CallOptions | undefined): Promise<RowOf<Schema>> {
    const { calls, forwarding, table } = this.#runtime;
    return calls.run(options, async (deadline) => {
      const planned = planInsert(this.#runtime, input);
      // A new owner has not moved yet.
      if (forwarding === undefined || (planned.isFresh && table.group === undefined)) {
        return this.#insertOne(planned, deadline);
      }
      return forwarding.follow(
        ownerOf(table, planned.row),
        planned.route,
        deadline,
        async (route) => {
          await placeOwnId(this.#runtime, planned, route, deadline);
          return this.#insertOne(planned.at(route), deadline);
        },
        () => false,
      );
    });
  }

  insertMany(inputs: readonly Input[], options: CallOptions | undefined): Promise<RowOf<Schema>[]> {
    return this.#runtime.calls.run(options, async (deadline) => {
      const rows = inputs.map((input) => planInsert(this.#runtime, input));
      for (const row of rows) await placeOwnId(this.#runtime, row, row.route, deadline);
      const results: ShardResult[] = [];
      let waiting = rows.map((planned, index) => ({ planned, index }));
      for (let hop = 0; waiting.length > 0; hop++) {
        const groups = groupByShard(waiting.map(({ planned }) => planned));
        const refused = new Set<PlannedRow<Schema>>();
        await Promise.all(
          [...groups].map(async ([shard, group]) => {
            const result = await this.#insertOnShard(shard, group, deadline);
            if (isOwnerMoved(result.error) && hop < mostHops)
              for (const row of group) refused.add(row);
            else results.push(result);
          }),
        );
        const places = new Map<string, Route>();
        const sentOn: typeof waiting = [];
        const lost = new Map<string, ShardResult>();
        for (const { planned, index } of waiting.filter((one) => refused.has(one.planned))) {
          try {
            const next = await this.#whereOwnerWent(planned, places, deadline);
            sentOn.push({ planned: next, index });
          } catch (error) {
            if (!isMeridianError(error)) throw error;
            // Of the other rows some may be stored by now.
            const shard = planned.route.shard.name;
            lost.set(shard, { shard, outcome: 'not-applied', rows: 0, error });
          }
        }
        results.push(...lost.values());
        waiting = sentOn;
        for (const { planned, index } of waiting) rows[index] = planned;
      }
      await this.#forget(forgettable(rows));
      this.#assertComplete(results);
      return rows.map(({ row }) => row);
    });
  }

  update(key: ShardKey, patch: Input, options: CallOptions | undefined): Promise<WriteResult> {
    return this.#change(options, () => planUpdate(this.#runtime, key, patch));
  }

  delete(key: ShardKey, options: CallOptions | undefined): Promise<WriteResult> {
    return this.#change(options, () => planDelete(this.#runtime, key));
  }

  async #insertOne(planned: PlannedRow<Schema>, deadline: Deadline): Promise<RowOf<Schema>> {
    const { executor, statements } = this.#runtime;
    const { primary } = planned.route.shard;
    const statement = statements.insert([planned.values]);
    try {
      const write = executor.runStatement([primary], statement, 'write', deadline);
      await this.#andForget(write, primary, forgettable([planned]));
      return planned.row;
    } catch (error) {
      throw this.#withId(error, planned);
    }
  }

  async #whereOwnerWent(
    planned: PlannedRow<Schema>,
    places: Map<string, Route>,
    deadline: Deadline,
  ): Promise<PlannedRow<Schema>> {
    const { forwarding, table } = this.#runtime;
    if (forwarding === undefined) return planned;
    const owner = ownerOf(table, planned.row);
    const route =
      places.get(owner.id) ?? (await forwarding.afterRefusal(owner, planned.route, deadline));
    places.set(owner.id, route);
    await placeOwnId(this.#runtime, planned, route, deadline);
    return planned.at(route);
  }

  #change(options: CallOptions | undefined, plan: () => PlannedChange): Promise<WriteResult> {
    const { calls, executor, forwarding, table } = this.#runtime;
    return calls.run(options, async (deadline) => {
      const { home, key, statementAt, touchesPlace } = plan();
      let at = home;
      const run = (route: Route) => {
        at = route;
        const statement = statementAt(route);
        return executor.runStatement([route.shard.primary], statement, 'write', deadline);
      };
      const { result, invalidation } = await thenForget(
        forwarding === undefined
          ? run(home)
          : this.#follow(forwarding, forwardable(table, key), home, touchesPlace, deadline, run),
        () => this.#forget([key.text]),
        () => executor.quiet(at.shard.primary),
      );
      return {
        affected: result.affected,
        token: writeToken(at.shard.name, result.gtid),
        invalidation,
      };
    });
  }

  /** Changes a row where it is, or was forwarded to. */
  async #follow(
    forwarding: Forwarding,
    row: Forwardable,
    home: Route,
    touchesPlace: boolean,
    deadline: Deadline,
    run: (route: Route) => Promise<StatementResult>,
  ): Promise<StatementResult> {
    const start = touchesPlace ? await forwarding.resolve(row, home, deadline) : home;
    return forwarding.follow(row, start, deadline, run, ({ affected }) => affected === 0);
  }

  /** All rows of one shard or none: one statement, or one transaction round several. */
  async #insertOnShard(
    shard: Shard,
    rows: readonly PlannedRow<Schema>[],
    deadline: Deadline,
  ): Promise<ShardResult> {
    const { executor, statements } = this.#runtime;
    const batches = insertBatches(rows).map((batch) =>
      statements.insert(batch.map(({ values }) => values)),
    );
    const [single, ...more] = batches;
    try {
      if (single !== undefined && more.length === 0) {
        await executor.runStatement([shard.primary], single, 'write', deadline);
      } else {
        await runTransaction(executor, shard.primary, deadline, async (scope) => {
          for (const statement of batches) await scope.run(statement);
        });
      }
      return { shard: shard.name, outcome: 'applied', rows: rows.length };
    } catch (error) {
      if (!isMeridianError(error)) throw error;
      return { shard: shard.name, outcome: error.outcome, rows: 0, error };
    }
  }

  /** Whoever must read the row back needs the id that was made for it. */
  #withId(error: unknown, { key, isFresh }: PlannedRow<Schema>): unknown {
    if (!isMeridianError(error) || error.outcome !== 'unknown' || !isFresh) return error;
    const { message, outcome, cause } = error;
    const options = { outcome, cause, context: { ...error.context, id: key.text } };
    if (error instanceof TimeoutError) return new TimeoutError(message, options);
    if (error instanceof AbortedError) return new AbortedError(message, options);
    return new UnknownOutcomeError(message, options);
  }

  #assertComplete(results: readonly ShardResult[]): void {
    const first = results.find(({ error }) => error !== undefined)?.error;
    if (first === undefined) return;
    // When nothing was applied anywhere, the plain error says it better.
    if (results.every(({ outcome }) => outcome === 'not-applied') || results.length === 1)
      throw first;
    throw new PartialWriteError(this.#runtime.table.name, results);
  }

  #andForget<T>(write: Promise<T>, primary: Endpoint, keys: readonly string[]) {
    const { executor } = this.#runtime;
    return thenForget(
      write,
      () => this.#forget(keys),
      () => executor.quiet(primary),
    );
  }

  async #forget(keys: readonly string[]): Promise<'done' | 'pending'> {
    return (await this.#runtime.cache?.invalidate(keys)) ?? 'done';
  }
}

/** Keys under which "no such row" may be cached. */
function forgettable<Schema extends RowSchema>(rows: readonly PlannedRow<Schema>[]): string[] {
  return rows.filter(({ isFresh }) => !isFresh).map(({ key }) => key.text);
}

function groupByShard<Schema extends RowSchema>(
  rows: readonly PlannedRow<Schema>[],
): Map<Shard, PlannedRow<Schema>[]> {
  const groups = new Map<Shard, PlannedRow<Schema>[]>();
  for (const row of rows) {
    const group = groups.get(row.route.shard);
    if (group === undefined) groups.set(row.route.shard, [row]);
    else group.push(row);
  }
  return groups;
}
