import { randomBytes } from 'node:crypto';
import { forgetRecord, recordApplied } from '../commit/commit-record.ts';
import { type Committed, runTransaction, type TransactionConfig } from '../commit/transaction.ts';
import type { TransactionScope } from '../commit/transaction-scope.ts';
import { isMeridianError, type Outcome } from '../errors/meridian-error.ts';
import type { Call } from '../execution/call.ts';
import type { Executor } from '../execution/executor.ts';
import type { Observer } from '../observability/events.ts';
import type { Endpoint } from '../topology/topology.ts';
import type { Directory } from './directory.ts';
import { endedBy } from './entry-protocol.ts';
import type { Reservation, ReservationResult } from './reservation.ts';
import type { Reserver } from './reserver.ts';

/** How long the end of a write whose caller has left may take. */
const asideMs = 5_000;
const tokenBytes = 16;

/** Names one attempt to write. */
export function newToken(): Buffer {
  return randomBytes(tokenBytes);
}

/** What ended an attempt but for its reservations: they are known to stand or to fall. */
interface Ending {
  readonly token: Uint8Array;
  readonly reservations: readonly Reservation[];
  /** Where the row's transaction ran. */
  readonly primary: Endpoint;
}

/**
 * Writes of rows in step with the directory: reserve, write under a token, confirm.
 *
 * Which rows hold a value is decided by the row's own transaction, which marks the token as
 * applied; every other step may be missing and is made up for by whoever meets the entry, or by
 * the sweeper.
 */
export class ReservedWrites {
  readonly #directory: Directory;
  readonly #reserver: Reserver;
  readonly #executor: Executor;
  readonly #observe: Observer;
  readonly #asides = new Set<Promise<void>>();

  constructor(directory: Directory, reserver: Reserver, executor: Executor, observe: Observer) {
    this.#directory = directory;
    this.#reserver = reserver;
    this.#executor = executor;
    this.#observe = observe;
  }

  /**
   * Takes all reservations, runs `body` in a transaction on the row's primary, and makes the directory
   * follow. When `body` throws, nothing is left.
   *
   * @param onOwn is called when a row is found to hold its value already; what it throws ends the
   * write.
   * @throws {DuplicateKeyError} when another row holds one of the values.
   */
  async write<T>(
    primary: Endpoint,
    reservations: readonly Reservation[],
    call: Call,
    onOwn: (reservation: Reservation) => void,
    body: (scope: TransactionScope) => Promise<T>,
    config?: TransactionConfig,
  ): Promise<Committed<T>> {
    if (reservations.length === 0)
      return runTransaction(this.#executor, primary, call, body, config);
    const ending = { token: newToken(), reservations, primary };
    let committed: Committed<T>;
    try {
      await this.#reserveAll(ending, call, onOwn);
      const marked = async (scope: TransactionScope) => {
        await recordApplied(scope, ending.token);
        return body(scope);
      };
      committed = await runTransaction(this.#executor, primary, call, marked, config);
    } catch (error) {
      if (endedBy(outcomeOf(error)) === 'aborted') await this.cancel(ending, call);
      throw error;
    }
    await this.confirm(ending, call);
    return committed;
  }

  /**
   * Takes reservations for a transaction that is open already, and holds locks; notes in `results` what came
   * of each.
   */
  reserveWithin(
    token: Uint8Array,
    reservations: readonly Reservation[],
    call: Call,
    results: Map<Reservation, ReservationResult>,
  ): Promise<void> {
    return this.#reserver.reserveInTurn(token, reservations, 'refuse', call, results);
  }

  /** The attempt is applied: its values are held, and those given up are free. */
  async confirm(ending: Ending, call: Call): Promise<void> {
    const { token, reservations, primary } = ending;
    await this.#finish('confirm', call, async (patience) => {
      await this.#directory.end('applied', token, ...byKind(reservations), patience);
      await forgetRecord(this.#executor, primary, token, patience);
    });
  }

  /** The attempt is not applied and never will be: all is as before. */
  async cancel({ token, reservations }: Ending, call: Call): Promise<void> {
    await this.#finish('release', call, (patience) =>
      this.#directory.end('aborted', token, ...byKind(reservations), patience),
    );
  }

  /** Gives back reservations of an attempt that is still open and goes on without them. Tells failure. */
  async release(
    token: Uint8Array,
    reservations: readonly Reservation[],
    call: Call,
  ): Promise<void> {
    await this.#directory.end('aborted', token, ...byKind(reservations), call);
  }

  /** Undoes earlier reservations of an attempt that is still open, given the opposite ones. Tells failure. */
  async reverse(
    token: Uint8Array,
    reservations: readonly Reservation[],
    call: Call,
  ): Promise<void> {
    const [entering, leaving] = byKind(reservations);
    await this.#directory.end('aborted', token, leaving, entering, call);
  }

  /** Resolves when nothing goes on behind the callers' backs any more. */
  async close(): Promise<void> {
    await Promise.all(this.#asides);
  }

  async #reserveAll(
    { token, reservations }: Ending,
    call: Call,
    onOwn: (reservation: Reservation) => void,
  ): Promise<void> {
    if (await this.#reserver.reserveFree(token, reservations, call)) return;
    // Only who takes entries in the common order may hold some while waiting for others.
    await this.#directory.end('aborted', token, ...byKind(reservations), call);
    const results = new Map<Reservation, ReservationResult>();
    await this.#reserver.reserveInTurn(token, reservations, 'wait', call, results);
    for (const [reservation, reserved] of results) if (reserved === 'own') onOwn(reservation);
  }

  /**
   * The caller's outcome is known, so a failure here is only told to the observer: whoever meets the
   * entries finishes the work. A caller whose time is over is not kept waiting.
   */
  async #finish(
    operation: 'confirm' | 'release',
    call: Call,
    work: (patience: Call) => Promise<void>,
  ): Promise<void> {
    const inTime = call.reason === undefined;
    const patience = inTime ? call : call.part(asideMs);
    const told = work(patience)
      .catch((error: unknown) => {
        const message = isMeridianError(error) ? error.message : String(error);
        this.#observe({ type: 'directory-fault', operation, message });
      })
      .finally(() => {
        if (!inTime) patience.end();
      });
    if (inTime) return told;
    this.#asides.add(told);
    void told.then(() => this.#asides.delete(told));
  }
}

function byKind(
  reservations: readonly Reservation[],
): [entered: Reservation[], left: Reservation[]] {
  return [
    reservations.filter(({ kind }) => kind === 'enter'),
    reservations.filter(({ kind }) => kind === 'leave'),
  ];
}

/** What became of the row's transaction that failed. */
export function outcomeOf(error: unknown): Outcome {
  return isMeridianError(error) ? error.outcome : 'not-applied';
}
