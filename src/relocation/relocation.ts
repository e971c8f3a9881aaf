import { randomBytes } from 'node:crypto';
import { deleteMarks, idempotencyTable } from '../commit/idempotency-table.ts';
import { runTransaction } from '../commit/transaction.ts';
import type { TransactionScope } from '../commit/transaction-scope.ts';
import { RolledBackError, UnknownOutcomeError } from '../errors/database-error.ts';
import { isMeridianError } from '../errors/meridian-error.ts';
import { RelocationError } from '../errors/relocation-error.ts';
import type { Executor } from '../execution/executor.ts';
import type { Upkeep } from '../execution/upkeep.ts';
import { heardByAllMs, moverLifeMs } from '../forwarding/protocol-times.ts';
import type { SqlValue } from '../mysql/sql/sql.ts';
import type { Bulkhead } from '../resilience/admission/bulkhead.ts';
import type { Deadline } from '../resilience/time/deadline.ts';
import { within } from '../resilience/time/within.ts';
import type { Route } from '../routing/route.ts';
import { uuidToBytes } from '../sharding/ids/uuid.ts';
import { announce } from './announce.ts';
import { assertPlainJson, copyRows, verifyRows } from './copy-rows.ts';
import { installFence } from './fence.ts';
import type { ForeignKey } from './foreign-keys.ts';
import { assertNothingIsCut } from './group-references.ts';
import {
  beginCrossing,
  cutoverMove,
  expectArrival,
  lockCrossing,
  type Move,
  nameArrival,
  recordArrival,
} from './moves-table.ts';
import { assertWholeOn, copiedGroup, type Group, ownerParam } from './moving-group.ts';
import { crossing, mayLeave, type RelocationEnding } from './relocation-protocol.ts';
import { busy, refusalOf, unknownOwner } from './relocation-refusals.ts';
import type { Finished, RelocationResolution } from './relocation-resolution.ts';
import { type CopiedTable, deleteOwned, forwardRows, isBinaryId, setColumns } from './row-copy.ts';
import { type Withdraw, withdrawal } from './withdrawal.ts';

const attempts = 3;

/** Which owner goes where. */
export interface RelocationOrder {
  readonly group: Group;
  /** UUID text. */
  readonly owner: string;
  /** Where the owner is. */
  readonly from: Route;
  readonly to: Route;
  /** Columns of the owner's row that change with its place. */
  readonly patch: ReadonlyMap<string, SqlValue>;
  /** Milliseconds for which the owner's rows may be locked. */
  readonly pauseMs: number;
}

export interface Relocated {
  /** Rows that were moved, in all tables. */
  readonly rows: number;
  /** Milliseconds for which writers of this owner had to wait. */
  readonly pausedMs: number;
  /** `pending`: Redis has not confirmed that it forgot the rows. It is told again. */
  readonly invalidation: 'done' | 'pending';
}

/** An order, and what was found out for it before anything was sent. */
interface Plan {
  readonly order: RelocationOrder;
  readonly move: Move;
  readonly tables: readonly CopiedTable[];
  readonly foreignKeys: readonly ForeignKey[];
}

/**
 * Moves one owner with its whole group from one shard to another, while both serve.
 *
 * 1. announce it on the shard that is left, and wait until every process that has not heard of it
 *    no longer relies on that;
 * 2. in one transaction on each side: lock the owner's rows, copy them, compare checksums; commit the
 *    arrival, then in one commit cut over: delete the rows, leave redirects, refuse later ones;
 * 3. the caches forget the rows; what the arrival left behind is tidied up.
 *
 * Until the cutover nothing has changed but copies that nobody is sent to. A mover that dies is resolved
 * by the next that comes by: forward when it has cut over, else back.
 */
export class Relocation {
  readonly #executor: Executor;
  readonly #resolution: RelocationResolution;
  readonly #withdraw: Withdraw;
  readonly #crossings: Bulkhead;

  /**
   * @param crossings where each move takes a place for as long as it holds connections.
   * @param onFailure is told what became of work that nobody waits for.
   */
  constructor(
    executor: Executor,
    resolution: RelocationResolution,
    upkeep: Upkeep,
    crossings: Bulkhead,
    onFailure: (error: unknown) => void,
  ) {
    this.#executor = executor;
    this.#resolution = resolution;
    this.#crossings = crossings;
    this.#withdraw = withdrawal(resolution, upkeep, onFailure);
  }

  /**
   * @throws {RelocationError}, with nothing changed; {@link UnknownOutcomeError} when a shard went
   * away and it can't be told yet on which side the owner ended: it is found out by itself.
   */
  async relocate(order: RelocationOrder, deadline: Deadline): Promise<Relocated> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#attempt(order, deadline);
      } catch (error) {
        // Movers and writers may deadlock; the server has then chosen this move, and all is as before.
        const isDeadlock =
          error instanceof RelocationError && error.cause instanceof RolledBackError;
        const hasTime = deadline.remainingMs > order.pauseMs + heardByAllMs;
        if (!isDeadlock || !hasTime || attempt === attempts) throw error;
      }
    }
  }

  async #attempt(order: RelocationOrder, deadline: Deadline): Promise<Relocated> {
    const { group, from, to } = order;
    const copied = await copiedGroup(group, from.shard, to.shard, this.#executor, deadline);
    // Who repeats an operation writes its rows as well, and is refused there.
    const fenced = copied.tables.filter(({ table }) => table !== idempotencyTable);
    const named = fenced.map(({ table, ownerColumn }) => ({
      table,
      ownerTable: group[0].table,
      ownerColumn: ownerColumn.name,
      ownerIsBinary: isBinaryId(ownerColumn),
    }));
    await installFence(from.shard, named, this.#executor, deadline);
    // Who declared a member before it could see the fence has it on record by now.
    await assertWholeOn(from.shard, group, this.#executor, deadline);
    const move: Move = {
      table: group[0].table,
      owner: uuidToBytes(order.owner),
      moveId: randomBytes(16),
      fromLocator: from.locator,
      toLocator: to.locator,
    };
    const plan: Plan = { order, move, ...copied };
    await this.#announce(plan, deadline);
    let moved = { rows: 0, pausedMs: 0 };
    try {
      await deadline.pause(heardByAllMs);
      const clearing = deleteMarks(move.owner);
      await this.#executor.runRepeatable(to.shard.primary, clearing, deadline);
      moved = await this.#copyAndCutOver(plan, deadline);
    } catch (error) {
      const ending = await this.#resolve(plan, error, deadline);
      if (ending !== 'moved') throw refusalOf(error, order);
    }
    return { ...moved, ...(await this.#finish(plan, deadline)) };
  }

  /** The owner has moved whatever happens here; what can't be done now is left to the sweeper. */
  async #finish(
    { order, move }: Plan,
    deadline: Deadline,
  ): Promise<Partial<Finished> & Pick<Finished, 'invalidation'>> {
    const patience = deadline.part(moverLifeMs);
    try {
      return await this.#resolution.finish(move, order.from, order.group, patience);
    } catch (error) {
      if (!isMeridianError(error)) throw error;
      return { invalidation: 'pending' };
    } finally {
      patience.end();
    }
  }

  async #announce(plan: Plan, deadline: Deadline): Promise<void> {
    const { order, move } = plan;
    const patience = Math.max(1, Math.min(order.pauseMs, deadline.remainingMs));
    try {
      await within(patience, deadline, (waiting) =>
        announce(move, order, this.#executor, this.#resolution, waiting),
      );
    } catch (error) {
      if (!isMeridianError(error) || error.outcome !== 'unknown') throw error;
      await this.#withdraw(order, move, error.ended, deadline);
      throw refusalOf(error, order);
    }
  }

  /** Step 2, for at most `pauseMs`: then the server lets go of everything. */
  async #copyAndCutOver(plan: Plan, deadline: Deadline) {
    const longest = Math.max(1, Math.min(plan.order.pauseMs, deadline.remainingMs));
    return within(longest, deadline, async (pause) => {
      await this.#crossings.enter(deadline.priority, pause);
      const pausedAt = performance.now();
      try {
        const rows = await this.#transact(plan, pause);
        return { rows, pausedMs: performance.now() - pausedAt };
      } finally {
        this.#crossings.leave(undefined);
      }
    });
  }

  async #transact(plan: Plan, pause: Deadline): Promise<number> {
    const { from, to } = plan.order;
    const config = { isolation: 'REPEATABLE READ' } as const;
    const leave = async (source: TransactionScope) => {
      const arrive = (target: TransactionScope) => this.#cross(plan, source, target, pause);
      return (await runTransaction(this.#executor, to.shard.primary, pause, arrive, config)).value;
    };
    return (await runTransaction(this.#executor, from.shard.primary, pause, leave, config)).value;
  }

  /** Up to the commit of the arrival. Returns how many rows were copied. */
  async #cross(
    plan: Plan,
    source: TransactionScope,
    target: TransactionScope,
    pause: Deadline,
  ): Promise<number> {
    const { order, move, tables } = plan;
    const { primary } = order.from.shard;
    let rows = 0;
    const perform: Record<(typeof crossing)[number], () => Promise<unknown>> = {
      'record-arrival': () => target.run(recordArrival(move)),
      'expect-arrival': () => target.run(expectArrival(move)),
      copy: async () => {
        rows = await this.#copy(plan, source, target);
      },
      // Writers who wait for the rows may hold all other connections.
      'begin-crossing': () =>
        this.#executor.run([primary], {
          access: 'write',
          isNested: true,
          deadline: pause,
          run: (session) => session.run(beginCrossing(move), pause),
        }),
      'lock-crossing': async () => {
        const { affected } = await source.run(lockCrossing(move));
        if (!mayLeave(affected))
          throw busy(order.from, move.table, 'The move was given up for dead');
      },
      leave: async () => {
        for (const table of tables.toReversed()) {
          const owned = ownerParam(table, move.owner);
          await source.run(forwardRows(table, owned, move.toLocator, move.moveId));
          await source.run(deleteOwned(table, owned));
        }
      },
      'cut-over': () => source.run(cutoverMove(move)),
    };
    for (const step of crossing) await perform[step]();
    return rows;
  }

  async #copy(
    { order, move, tables, foreignKeys }: Plan,
    source: TransactionScope,
    target: TransactionScope,
  ): Promise<number> {
    await target.run(nameArrival(move.moveId));
    const [owners, ...members] = tables;
    if (owners === undefined) throw new TypeError('a group has its owners');
    let rows = await copyRows(owners, move.owner, source, target);
    if (rows === 0) throw unknownOwner(move.table);
    for (const table of members) rows += await copyRows(table, move.owner, source, target);
    for (const table of tables) await assertPlainJson(table, move.owner, source);
    for (const table of tables) await verifyRows(table, move.owner, source, target);
    await assertNothingIsCut(tables, foreignKeys, move.owner, source, target);
    if (order.patch.size > 0) {
      await target.run(setColumns(owners, ownerParam(owners, move.owner), order.patch));
    }
    await target.run(nameArrival(null));
    return rows;
  }

  /** On which side the owner is, after a failure. Under a deadline of its own: the caller's may be over. */
  async #resolve(
    { order, move }: Plan,
    failure: unknown,
    deadline: Deadline,
  ): Promise<RelocationEnding> {
    const patience = deadline.part(moverLifeMs);
    try {
      return await this.#resolution.resolve(move, order.from, order.group, patience);
    } catch (error) {
      if (!isMeridianError(error)) throw error;
      throw new UnknownOutcomeError(
        `The owner may have been moved to ${order.to.shard.region.name} or not: a shard went away meanwhile. ` +
          'Reads and writes find it either way; it is found out as soon as both shards answer.',
        { cause: failure, context: { table: move.table, resolutionCode: error.code } },
      );
    } finally {
      patience.end();
    }
  }
}
