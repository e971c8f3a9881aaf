import { randomBytes } from 'node:crypto';
import {
  DuplicateKeyError,
  RolledBackError,
  UnknownOutcomeError,
} from '../errors/database-error.ts';
import { isMeridianError } from '../errors/meridian-error.ts';
import type { Executor } from '../execution/executor.ts';
import { runTransaction, type TransactionScope } from '../execution/transaction.ts';
import type { ForeignKey } from '../mysql/foreign-keys.ts';
import {
  announceMove,
  beginCrossing,
  expectArrival,
  flipMove,
  lockCrossing,
  type Move,
  nameArrival,
  type RecordedMove,
  readMove,
  recordArrival,
  recordedMove,
} from '../mysql/moves-table.ts';
import { type CopiedTable, deleteOwned, forwardRows, setColumns } from '../mysql/row-copy.ts';
import type { SqlValue } from '../mysql/sql.ts';
import { Deadline } from '../resilience/deadline.ts';
import type { Route } from '../routing/route.ts';
import { uuidToBytes } from '../sharding/uuid.ts';
import { copyRows, verifyRows } from './copy-rows.ts';
import { installFence } from './fence.ts';
import { assertNothingIsCut } from './group-references.ts';
import type { Finished, MoveEnding, MoveSettlement } from './move-settlement.ts';
import { moverLifeMs } from './move-sweeper.ts';
import { copiedGroup, type Group, ownerParam } from './moving-group.ts';
import { busy, refusalOf, unknownOwner } from './relocation-refusals.ts';
import { knowledgeMs } from './shard-movements.ts';

/** Clocks of two processes may run a little differently. */
const clockMarginMs = 50;
const settlePauseMs = 20;
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

interface Flight {
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
 *    arrival, then in one commit flip: delete the rows, mark where they went, refuse later ones;
 * 3. the caches forget the rows; what the arrival left behind is tidied up.
 *
 * Until the flip nothing has changed but copies that nobody is sent to. A mover that dies is settled
 * by the next that comes by: forward when it has flipped, else back.
 */
export class Relocation {
  readonly #executor: Executor;
  readonly #settlement: MoveSettlement;

  constructor(executor: Executor, settlement: MoveSettlement) {
    this.#executor = executor;
    this.#settlement = settlement;
  }

  /**
   * @throws {RelocationError}, with nothing changed; {@link UnknownOutcomeError} when a shard went
   * away and it can't be told yet on which side the owner ended: it settles by itself.
   */
  async relocate(order: RelocationOrder, deadline: Deadline): Promise<Relocated> {
    const { group, from, to } = order;
    const { tables, foreignKeys } = await copiedGroup(
      group,
      from.shard,
      to.shard,
      this.#executor,
      deadline,
    );
    await installFence(from.shard, tables, this.#executor, deadline);
    const move: Move = {
      table: group[0].table,
      owner: uuidToBytes(order.owner),
      moveId: randomBytes(16),
      fromLocator: from.locator,
      toLocator: to.locator,
    };
    const flight: Flight = { order, move, tables, foreignKeys };
    let copied = { rows: 0, pausedMs: 0 };
    try {
      await this.#announce(flight, deadline);
      await deadline.pause(knowledgeMs + clockMarginMs);
      copied = await this.#copyAndFlip(flight, deadline);
    } catch (error) {
      const ending = await this.#settle(flight, error);
      if (ending !== 'moved') throw refusalOf(error, order);
    }
    return { ...copied, ...(await this.#finish(flight)) };
  }

  /** The owner has moved whatever happens here; what can't be done now is left to the sweeper. */
  async #finish({
    order,
    move,
  }: Flight): Promise<Partial<Finished> & Pick<Finished, 'invalidation'>> {
    const patience = new Deadline(moverLifeMs);
    try {
      return await this.#settlement.finish(move, order.from, order.group, patience);
    } catch (error) {
      if (!isMeridianError(error)) throw error;
      return { invalidation: 'pending' };
    } finally {
      patience.end();
    }
  }

  /** Waits for who changes this owner just now as long as they would have to wait for the mover. */
  async #announce({ order, move }: Flight, whole: Deadline): Promise<void> {
    const patience = patienceOf(order, whole);
    try {
      await this.#putOnRecord(order, move, patience.deadline);
    } finally {
      patience.end();
    }
  }

  async #putOnRecord(order: RelocationOrder, move: Move, deadline: Deadline): Promise<void> {
    const { from, group } = order;
    for (;;) {
      try {
        await this.#executor.runStatement(
          [from.shard.primary],
          announceMove(move),
          'write',
          deadline,
        );
        return;
      } catch (error) {
        if (!(error instanceof DuplicateKeyError)) throw error;
      }
      const earlier = await this.#earlier(move, from, deadline);
      if (earlier !== undefined) await this.#clear(earlier, from, group, deadline);
    }
  }

  /** Ends what an earlier move of the same owner has left on record here. */
  async #clear(earlier: RecordedMove, from: Route, group: Group, deadline: Deadline) {
    if (earlier.state === 'moved') {
      throw busy(from, group[0].table, 'It has just come back here, or moved on');
    }
    if (earlier.ageMs < moverLifeMs) throw busy(from, group[0].table, 'It is being moved already');
    await this.#settlement.settle(earlier, from, group, deadline);
  }

  async #earlier(
    { table, owner }: Move,
    from: Route,
    deadline: Deadline,
  ): Promise<RecordedMove | undefined> {
    const statement = readMove(table, owner);
    const { rows } = await this.#executor.runStatement(
      [from.shard.primary],
      statement,
      'read',
      deadline,
    );
    return rows[0] === undefined ? undefined : recordedMove(rows[0]);
  }

  /** Step 2, again when it met those who write meanwhile in a deadlock. */
  async #copyAndFlip(flight: Flight, deadline: Deadline) {
    for (let attempt = 1; ; attempt++) {
      const progress = { hasArrived: false };
      try {
        return await this.#cross(flight, progress, deadline);
      } catch (error) {
        const isDeadlock = error instanceof RolledBackError && !progress.hasArrived;
        if (!isDeadlock || attempt === attempts || deadline.reason !== undefined) throw error;
      }
    }
  }

  /** For at most `pauseMs`: then the servers let go of everything. */
  async #cross(flight: Flight, progress: { hasArrived: boolean }, deadline: Deadline) {
    const { order, move, tables } = flight;
    const pausedAt = performance.now();
    const { deadline: pause, end } = patienceOf(order, deadline);
    const isolation = 'REPEATABLE READ';
    try {
      const { value: rows } = await runTransaction(
        this.#executor,
        order.from.shard.primary,
        pause,
        async (source) => {
          const { value } = await runTransaction(
            this.#executor,
            order.to.shard.primary,
            pause,
            (target) => this.#copy(flight, source, target, pause),
            isolation,
          );
          progress.hasArrived = true;
          for (const table of tables.toReversed()) {
            const owner = ownerParam(table, move.owner);
            await source.run(forwardRows(table, owner, move.toLocator, move.moveId));
            await source.run(deleteOwned(table, owner));
          }
          await source.run(flipMove(move));
          return value;
        },
        isolation,
      );
      return { rows, pausedMs: performance.now() - pausedAt };
    } finally {
      end();
    }
  }

  async #copy(
    { order, move, tables, foreignKeys }: Flight,
    source: TransactionScope,
    target: TransactionScope,
    pause: Deadline,
  ): Promise<number> {
    await target.run(recordArrival(move));
    await target.run(expectArrival(move));
    await target.run(nameArrival(move.moveId));
    const [owners, ...members] = tables;
    if (owners === undefined) throw new TypeError('a group has its owners');
    let rows = await copyRows(owners, move.owner, source, target);
    if (rows === 0) throw unknownOwner(move.table);
    for (const table of members) rows += await copyRows(table, move.owner, source, target);
    for (const table of tables) await verifyRows(table, move.owner, source, target);
    await assertNothingIsCut(tables, foreignKeys, move.owner, source, target);
    if (order.patch.size > 0) {
      await target.run(setColumns(owners, ownerParam(owners, move.owner), order.patch));
    }
    await target.run(nameArrival(null));
    // After the rows: a writer holds a row of its own when it comes to ask about the move.
    const { primary } = order.from.shard;
    await this.#executor.runStatement([primary], beginCrossing(move), 'write', pause);
    const { affected: held } = await source.run(lockCrossing(move));
    if (held === 0) throw busy(order.from, move.table, 'The move was given up for dead');
    return rows;
  }

  /** Each step may be repeated, and meets the locks of those who write meanwhile. */
  async #untilSettled(order: RelocationOrder, move: Move, patience: Deadline): Promise<MoveEnding> {
    for (;;) {
      try {
        return await this.#settlement.settle(move, order.from, order.group, patience);
      } catch (error) {
        if (!(error instanceof RolledBackError)) throw error;
        await patience.pause(settlePauseMs);
      }
    }
  }

  /** On which side the owner is, after a failure. Under a deadline of its own: the caller's may be over. */
  async #settle({ order, move }: Flight, failure: unknown): Promise<MoveEnding> {
    const patience = new Deadline(moverLifeMs);
    try {
      return await this.#untilSettled(order, move, patience);
    } catch (error) {
      if (!isMeridianError(error)) throw error;
      throw new UnknownOutcomeError(
        `The owner may have been moved to ${order.to.shard.region.name} or not: a shard went away meanwhile. ` +
          'Reads and writes find it either way; it is settled as soon as both shards answer.',
        { cause: failure, context: { table: move.table } },
      );
    } finally {
      patience.end();
    }
  }
}

/** The time for which writers of the owner may have to wait, within that of the whole call. */
function patienceOf({ pauseMs }: RelocationOrder, whole: Deadline) {
  const deadline = new Deadline(Math.max(1, Math.min(pauseMs, whole.remainingMs)));
  const stopListening = whole.onCancel((reason) => deadline.cancel(reason));
  return {
    deadline,
    end() {
      stopListening();
      deadline.end();
    },
  };
}
