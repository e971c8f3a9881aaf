import { randomBytes } from 'node:crypto';
import { forgetMark, markApplied } from '../commit/settlement.ts';
import { type Committed, runTransaction, type TransactionConfig } from '../commit/transaction.ts';
import type { TransactionScope } from '../commit/transaction-scope.ts';
import { isMeridianError } from '../errors/meridian-error.ts';
import type { Executor } from '../execution/executor.ts';
import type { Observer } from '../observability/events.ts';
import { Deadline } from '../resilience/time/deadline.ts';
import type { Endpoint } from '../topology/topology.ts';
import type { Claim, Claimed } from './claim.ts';
import type { Claimant } from './claimant.ts';
import type { Directory } from './directory.ts';

/** How long the end of a write whose caller has left may take. */
const asideMs = 5_000;
const tokenBytes = 16;

/** Names one attempt to write. */
export function newToken(): Buffer {
  return randomBytes(tokenBytes);
}

/** What ended an attempt but for its claims: they are known to stand or to fall. */
interface Ending {
  readonly token: Uint8Array;
  readonly claims: readonly Claim[];
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
export class ClaimedWrites {
  readonly #directory: Directory;
  readonly #claimant: Claimant;
  readonly #executor: Executor;
  readonly #observe: Observer;
  readonly #asides = new Set<Promise<void>>();

  constructor(directory: Directory, claimant: Claimant, executor: Executor, observe: Observer) {
    this.#directory = directory;
    this.#claimant = claimant;
    this.#executor = executor;
    this.#observe = observe;
  }

  /**
   * Takes all claims, runs `body` in a transaction on the row's primary, and makes the directory
   * follow. When `body` throws, nothing is left.
   *
   * @param onOwn is called when a row is found to hold its value already; what it throws ends the
   * write.
   * @throws {DuplicateKeyError} when another row holds one of the values.
   */
  async write<T>(
    primary: Endpoint,
    claims: readonly Claim[],
    deadline: Deadline,
    onOwn: (claim: Claim) => void,
    body: (scope: TransactionScope) => Promise<T>,
    config?: TransactionConfig,
  ): Promise<Committed<T>> {
    if (claims.length === 0) return runTransaction(this.#executor, primary, deadline, body, config);
    const ending = { token: newToken(), claims, primary };
    let committed: Committed<T>;
    try {
      await this.#claimAll(ending, deadline, onOwn);
      const marked = async (scope: TransactionScope) => {
        await markApplied(scope, ending.token);
        return body(scope);
      };
      committed = await runTransaction(this.#executor, primary, deadline, marked, config);
    } catch (error) {
      if (!isUnknown(error)) await this.revoke(ending, deadline);
      throw error;
    }
    await this.apply(ending, deadline);
    return committed;
  }

  /**
   * Takes claims for a transaction that is open already, and holds locks; notes in `taken` what came
   * of each.
   */
  claimWithin(
    token: Uint8Array,
    claims: readonly Claim[],
    deadline: Deadline,
    taken: Map<Claim, Claimed>,
  ): Promise<void> {
    return this.#claimant.claimInTurn(token, claims, 'refuse', deadline, taken);
  }

  /** The attempt is applied: its values are held, and those given up are free. */
  async apply(ending: Ending, deadline: Deadline): Promise<void> {
    const { token, claims, primary } = ending;
    await this.#finish('confirm', deadline, async (patience) => {
      await this.#directory.apply(token, ...byKind(claims), patience);
      await forgetMark(this.#executor, primary, token, patience);
    });
  }

  /** The attempt is not applied and never will be: all is as before. */
  async revoke({ token, claims }: Ending, deadline: Deadline): Promise<void> {
    await this.#finish('release', deadline, (patience) =>
      this.#directory.revoke(token, ...byKind(claims), patience),
    );
  }

  /** Gives back claims of an attempt that is still open and goes on without them. Tells failure. */
  async release(token: Uint8Array, claims: readonly Claim[], deadline: Deadline): Promise<void> {
    await this.#directory.revoke(token, ...byKind(claims), deadline);
  }

  /** Undoes earlier claims of an attempt that is still open, given the opposite ones. Tells failure. */
  async reverse(token: Uint8Array, claims: readonly Claim[], deadline: Deadline): Promise<void> {
    const [entering, leaving] = byKind(claims);
    await this.#directory.revoke(token, leaving, entering, deadline);
  }

  /** Resolves when nothing goes on behind the callers' backs any more. */
  async close(): Promise<void> {
    await Promise.all(this.#asides);
  }

  async #claimAll(
    { token, claims }: Ending,
    deadline: Deadline,
    onOwn: (claim: Claim) => void,
  ): Promise<void> {
    if (await this.#claimant.claimFree(token, claims, deadline)) return;
    // Only who takes entries in the common order may hold some while waiting for others.
    await this.#directory.revoke(token, ...byKind(claims), deadline);
    const taken = new Map<Claim, Claimed>();
    await this.#claimant.claimInTurn(token, claims, 'wait', deadline, taken);
    for (const [claim, claimed] of taken) if (claimed === 'own') onOwn(claim);
  }

  /**
   * The caller's outcome is known, so a failure here is only told to the observer: whoever meets the
   * entries finishes the work. A caller whose time is over is not kept waiting.
   */
  async #finish(
    operation: 'confirm' | 'release',
    deadline: Deadline,
    work: (patience: Deadline) => Promise<void>,
  ): Promise<void> {
    const inTime = deadline.reason === undefined;
    const patience = inTime ? deadline : new Deadline(asideMs);
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

function byKind(claims: readonly Claim[]): [entered: Claim[], left: Claim[]] {
  return [
    claims.filter(({ kind }) => kind === 'enter'),
    claims.filter(({ kind }) => kind === 'leave'),
  ];
}

function isUnknown(error: unknown): boolean {
  return isMeridianError(error) && error.outcome === 'unknown';
}
