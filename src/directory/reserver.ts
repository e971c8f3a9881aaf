import { outcomeOf, resolve } from '../commit/commit-record.ts';
import type { Outcome } from '../commit/commit-record-table.ts';
import { DuplicateKeyError, RolledBackError } from '../errors/database-error.ts';
import type { Call } from '../execution/call.ts';
import type { Executor } from '../execution/executor.ts';
import { routeLocator } from '../routing/router.ts';
import type { Endpoint } from '../topology/topology.ts';
import type { Directory } from './directory.ts';
import type { Entry } from './directory-table.ts';
import { afterAsking, afterFinding, onRival } from './entry-protocol.ts';
import { inOrder, type Reservation, type ReservationResult } from './reservation.ts';

const firstPauseMs = 2;
const longestPauseMs = 100;
/** How long work that must not wait may spend on resolving what was abandoned. */
const briefMs = 500;

/**
 * What to do about a rival that is under way.
 *
 * - `wait`: until it has ended, within the deadline.
 * - `refuse`: at once, for work that holds row locks which the rival may be waiting for.
 */
export type Patience = 'wait' | 'refuse';

/** Takes entries of the directory for one attempt to write, against those of other attempts. */
export class Reserver {
  readonly #directory: Directory;
  readonly #executor: Executor;
  readonly #reservationMs: number;

  constructor(directory: Directory, executor: Executor, reservationMs: number) {
    this.#directory = directory;
    this.#executor = executor;
    this.#reservationMs = reservationMs;
  }

  /**
   * Takes the entries of all reservations at once, where nobody else has or wants them. False: some may
   * be taken, and the others must be asked for one by one.
   */
  async reserveFree(
    token: Uint8Array,
    reservations: readonly Reservation[],
    call: Call,
  ): Promise<boolean> {
    const results = await Promise.allSettled([
      this.#directory.reserve(
        token,
        reservations.filter(({ kind }) => kind === 'enter'),
        call,
      ),
      this.#directory.leave(
        token,
        reservations.filter(({ kind }) => kind === 'leave'),
        call,
      ),
    ]);
    for (const result of results) if (result.status === 'rejected') throw result.reason;
    return results.every((result) => result.status === 'fulfilled' && result.value);
  }

  /**
   * Takes entries one after the other, in the order that all attempts share, and notes in `results`
   * what came of each.
   *
   * @throws {DuplicateKeyError} when another row holds a value; {@link RolledBackError} when a rival
   * is under way and must not be waited for.
   */
  async reserveInTurn(
    token: Uint8Array,
    reservations: readonly Reservation[],
    patience: Patience,
    call: Call,
    results: Map<Reservation, ReservationResult>,
  ): Promise<void> {
    for (const reservation of inOrder(reservations)) {
      results.set(reservation, await this.#reserve(token, reservation, patience, call));
    }
  }

  async #reserve(
    token: Uint8Array,
    reservation: Reservation,
    patience: Patience,
    call: Call,
  ): Promise<ReservationResult> {
    // A change whose reply was lost is sent again, and says then that it changed nothing.
    let isSent = false;
    const home = this.#directory.routeOf(reservation, call.topology);
    for (let turn = 0; ; turn++) {
      const entry = await this.#directory.find(reservation, home, 'primary', call);
      const met = entry && { ...entry, isOwn: entry.token.equals(token) };
      let step = afterFinding(reservation, met, isSent);
      if (step === 'ask-holder' && entry !== undefined) {
        const isHeld = await reservation.isHeldBy(entry.rowKey, call);
        step = afterAsking(reservation, entry, isHeld);
      }
      switch (step) {
        case 'insert':
        case 'mark-leaving':
        case 'take-over':
          isSent = true;
          if (await this.#change(step, token, reservation, entry, call)) return 'reserved';
          break;
        case 'ask-holder':
        case 'await':
          if (entry !== undefined) await this.#await(entry, patience, turn, call);
          break;
        case 'taken':
          throw duplicate(reservation);
        default:
          return step;
      }
    }
  }

  /** Changes an entry unless it is not as it was met any more. */
  #change(
    step: 'insert' | 'mark-leaving' | 'take-over',
    token: Uint8Array,
    reservation: Reservation,
    met: Entry | undefined,
    call: Call,
  ): Promise<boolean> {
    if (step === 'mark-leaving') return this.#directory.leave(token, [reservation], call);
    return met === undefined
      ? this.#directory.reserve(token, [reservation], call)
      : this.#directory.takeOver(token, reservation, met.token, call);
  }

  /** Another attempt has the entry: helps it to its end, waits for it, or resolves it. */
  async #await(entry: Entry, patience: Patience, turn: number, call: Call): Promise<void> {
    const outcome = await this.#outcomeOf(entry, call);
    const step = onRival(outcome, entry.ageMs >= this.#reservationMs);
    if (typeof step === 'object') return this.finish(entry, step.finish, call);
    if (step === 'resolve') {
      if (patience === 'wait') {
        await this.resolve(entry, call);
        return;
      }
      const brief = call.part(Math.max(1, Math.min(briefMs, call.remainingMs)));
      try {
        await this.resolve(entry, brief);
        return;
      } catch (error) {
        if (brief.reason === undefined && !(error instanceof RolledBackError)) throw error;
      } finally {
        brief.end();
      }
    }
    if (patience === 'refuse') throw rivalled(entry);
    const pauseMs = Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(turn, 10));
    await call.pause(pauseMs * (0.5 + Math.random() / 2));
  }

  /** Decides how the attempt that has an entry ended, and carries it out. */
  async resolve(entry: Entry, call: Call): Promise<Outcome> {
    const outcome = await resolve(this.#executor, primaryOf(entry, call), entry.token, call);
    await this.finish(entry, outcome, call);
    return outcome;
  }

  /** Carries out what was decided about the attempt that has an entry. */
  async finish(entry: Entry, outcome: Outcome, call: Call): Promise<void> {
    const entered = entry.state === 'reserved' ? [entry] : [];
    const left = entry.state === 'leaving' ? [entry] : [];
    await this.#directory.end(outcome, entry.token, entered, left, call);
  }

  #outcomeOf(entry: Entry, call: Call): Promise<Outcome | undefined> {
    return outcomeOf(this.#executor, primaryOf(entry, call), entry.token, call);
  }
}

/** Where the transaction of the attempt that has an entry ran, if it did. */
function primaryOf({ lookup, locator }: Entry, { topology }: Call): Endpoint {
  const [keyspace = ''] = lookup.split('/');
  return routeLocator(topology, keyspace, locator).shard.primary;
}

function duplicate({ table, column }: Reservation): DuplicateKeyError {
  return new DuplicateKeyError(`A row of '${table}' with this '${column}' exists already.`, {
    context: { table, lookup: column },
  });
}

function rivalled({ lookup }: Entry): RolledBackError {
  return new RolledBackError(
    'Another write is giving or taking the same value just now. Run the whole transaction again.',
    { context: { lookup } },
  );
}
