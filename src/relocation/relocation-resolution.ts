import { runTransaction } from '../commit/transaction.ts';
import type { TransactionScope } from '../commit/transaction-scope.ts';
import { allEnded } from '../execution/all-ended.ts';
import type { Executor } from '../execution/executor.ts';
import type { Forwardable } from '../forwarding/redirects.ts';
import { bytesOf, type Statement, type StatementResult } from '../mysql/sql/sql.ts';
import type { Deadline } from '../resilience/time/deadline.ts';
import type { Route } from '../routing/route.ts';
import { routeForwarded } from '../routing/router.ts';
import { uuidFromBytes } from '../sharding/ids/uuid.ts';
import type { Shard } from '../topology/topology.ts';
import {
  cancelArrival,
  forgetArrival,
  forgetDeparture,
  type Move,
  moveNotified,
  readMove,
  recordedMove,
  refuseArrival,
  removeReversedMove,
  reverseMove,
  undoArrival,
} from './moves-table.ts';
import { copiedTables, type Group, ownerParam } from './moving-group.ts';
import {
  afterReversing,
  completion,
  endingOf,
  type RelocationEnding,
  reversal,
} from './relocation-protocol.ts';
import {
  type CopiedTable,
  deleteOwned,
  forgetForwards,
  ownedIds,
  readForwarded,
} from './row-copy.ts';

const retries = 5;

/** What a move has moved, when all is done. */
export interface Finished {
  readonly rows: number;
  /** Whether the caches have confirmed that they forgot the rows. */
  readonly invalidation: 'done' | 'pending';
}

/** A row that was moved. */
export type MovedRow = Pick<Forwardable, 'table' | 'id'>;

/** Makes the caches forget rows of a keyspace. */
export type ForgetRows = (
  keyspace: string,
  rows: readonly MovedRow[],
) => Promise<'done' | 'pending'>;

/**
 * Ends moves, one's own or those of a mover that died: whatever was interrupted where, each step may
 * be repeated, and two who resolve the same move do not disturb each other.
 */
export class RelocationResolution {
  readonly #executor: Executor;
  readonly #forget: ForgetRows;

  constructor(executor: Executor, forget: ForgetRows) {
    this.#executor = executor;
    this.#forget = forget;
  }

  /**
   * Reverses a move unless it has cut over. Waits for a cutover that is under way; begins again when the
   * database rolled it back.
   */
  resolve(move: Move, from: Route, group: Group, deadline: Deadline): Promise<RelocationEnding> {
    return this.#executor.rerun(from.shard.primary, retries, deadline, () =>
      this.#resolveOnce(move, from, group, deadline),
    );
  }

  async #resolveOnce(move: Move, from: Route, group: Group, deadline: Deadline) {
    const { affected } = await this.#write(from.shard, reverseMove(move), deadline);
    if (afterReversing(affected) === 'ask') return this.#endingOf(move, from, deadline);
    const to = targetOf(move, from);
    const tables = await copiedTables(group, from.shard, to.shard, this.#executor, deadline);
    let copies: readonly MovedRow[] = [];
    const perform: Record<(typeof reversal)[number], () => Promise<unknown>> = {
      'remove-copies': async () => {
        const remove = (target: TransactionScope) => this.#removeCopies(move, tables, target);
        const removed = runTransaction(this.#executor, to.shard.primary, deadline, remove);
        copies = (await removed).value;
      },
      // Whoever followed an id that was made on this side, when the owner lived here, has read a copy.
      'tell-caches': () => this.#forget(from.keyspace, copies),
      'remove-record': () => this.#write(from.shard, removeReversedMove(move), deadline),
    };
    for (const step of reversal) await perform[step]();
    return 'reversed' as const;
  }

  async #removeCopies(
    move: Move,
    tables: readonly CopiedTable[],
    target: TransactionScope,
  ): Promise<MovedRow[]> {
    await target.run(refuseArrival(move));
    // From here on the fence lets them be deleted.
    await target.run(cancelArrival(move));
    const { affected: undone } = await target.run(undoArrival(move));
    const copies: MovedRow[] = [];
    if (undone === 0) return copies;
    for (const table of tables.toReversed()) {
      const owner = ownerParam(table, move.owner);
      const { rows } = await target.run(ownedIds(table, owner));
      copies.push(
        ...rows.map(({ id }) => ({ table: table.table, id: uuidFromBytes(bytesOf(id)) })),
      );
      await target.run(deleteOwned(table, owner));
    }
    return copies;
  }

  /** After the cutover: the caches forget the rows, and the new place that the owner had ever left. */
  async finish(move: Move, from: Route, group: Group, deadline: Deadline): Promise<Finished> {
    const to = targetOf(move, from);
    let finished: Finished = { rows: 0, invalidation: 'pending' };
    const perform: Record<(typeof completion)[number], () => Promise<unknown>> = {
      'forget-departure': () => this.#write(to.shard, forgetDeparture(move), deadline),
      'tell-caches': async () => {
        const { rows } = await this.#read(from.shard, readForwarded(move.moveId), deadline);
        const moved = rows.map(({ tbl, id }) => ({
          table: String(tbl),
          id: uuidFromBytes(bytesOf(id)),
        }));
        const [invalidation] = await allEnded([
          this.#forget(from.keyspace, moved),
          this.#forgetRedirects(move, from, to, group, deadline),
        ]);
        finished = { rows: rows.length, invalidation };
      },
      'forget-arrival': () => this.#write(to.shard, forgetArrival(move), deadline),
      notify: () => this.#write(from.shard, moveNotified(move), deadline),
    };
    for (const step of completion) await perform[step]();
    return finished;
  }

  /** At the new place the rows that are back need no redirects any more. */
  async #forgetRedirects(move: Move, from: Route, to: Route, group: Group, deadline: Deadline) {
    const tables = await copiedTables(group, from.shard, to.shard, this.#executor, deadline);
    for (const table of tables) {
      await this.#write(to.shard, forgetForwards(table, ownerParam(table, move.owner)), deadline);
    }
  }

  async #endingOf({ table, owner, moveId }: Move, from: Route, deadline: Deadline) {
    const { rows } = await this.#read(from.shard, readMove(table, owner), deadline);
    return endingOf(rows[0] && recordedMove(rows[0]), moveId);
  }

  #read(shard: Shard, statement: Statement, deadline: Deadline): Promise<StatementResult> {
    return this.#executor.runStatement([shard.primary], statement, 'read', deadline);
  }

  #write(shard: Shard, statement: Statement, deadline: Deadline): Promise<StatementResult> {
    return this.#executor.runStatement([shard.primary], statement, 'write', deadline);
  }
}

function targetOf({ toLocator }: Move, { topology, keyspace }: Route): Route {
  return routeForwarded(topology, keyspace, toLocator);
}
