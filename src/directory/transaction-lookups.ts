import { markApplied } from '../commit/settlement.ts';
import type { TransactionScope } from '../commit/transaction-scope.ts';
import { DuplicateKeyError } from '../errors/database-error.ts';
import { isMeridianError } from '../errors/meridian-error.ts';
import type { Statement } from '../mysql/sql/sql.ts';
import type { Deadline } from '../resilience/time/deadline.ts';
import type { Route } from '../routing/route.ts';
import type { RowSchema } from '../rows/schema/define-table.ts';
import type { TableRuntime } from '../rows/table-runtime.ts';
import type { PlannedChange, PlannedRow } from '../rows/writes/write-plan.ts';
import type { Claim, Claimed } from './claim.ts';
import { type ClaimedWrites, newToken } from './claimed-write.ts';
import { claimsOf } from './lookup-claims.ts';
import { forgetClaims } from './lookup-writes.ts';
import type { TableLookups } from './table-lookups.ts';

/**
 * Keeps the directory in step with one transaction of the caller's. All its claims have one token,
 * marked before the first of them, so that nobody takes the open transaction for abandoned.
 */
export class TransactionLookups {
  readonly #scope: TransactionScope;
  readonly #route: Route;
  readonly #deadline: Deadline;
  readonly #token = newToken();
  readonly #claims = new Map<TableLookups, Claim[]>();
  /** Of the data layer's one directory. */
  #writes: ClaimedWrites | undefined;
  #marked: Promise<void> | undefined;
  /** Why the directory could not follow what is written already. */
  #broken: unknown;

  constructor(scope: TransactionScope, route: Route, deadline: Deadline) {
    this.#scope = scope;
    this.#route = route;
    this.#deadline = deadline;
  }

  /** @param scope the transaction's own, or that of a savepoint for a table without lookups. */
  async insert<Schema extends RowSchema>(
    scope: TransactionScope,
    runtime: TableRuntime<Schema>,
    { key, route, row, values }: PlannedRow<Schema>,
  ): Promise<void> {
    const { lookups, statements } = runtime;
    const statement = statements.insert([values]);
    if (lookups === undefined) {
      await scope.run(statement);
      return;
    }
    const claiming = { rowKey: key.text, locator: route.locator };
    const claims = claimsOf(runtime, lookups.all, claiming, null, row);
    await this.#inStep(lookups, claims, statement, ({ table, column }) => {
      throw new DuplicateKeyError(`This row of '${table}' exists already, '${column}' and all.`, {
        context: { table, lookup: column },
      });
    });
  }

  /** Returns how many rows there were to change: 1 or 0. */
  async change(
    scope: TransactionScope,
    runtime: TableRuntime,
    { key, statementAt, after }: PlannedChange,
  ): Promise<number> {
    const { lookups, codec, statements } = runtime;
    const statement = statementAt(this.#route);
    const concerned =
      after === null ? (lookups?.all ?? []) : (lookups?.among(Object.keys(after)) ?? []);
    if (lookups === undefined || concerned.length === 0) {
      return (await scope.run(statement)).affected;
    }
    const { rows } = await scope.run(statements.lockByKeys([key.param]));
    const raw = rows.find((row) => codec.identityOf(row) === key.identity);
    if (raw === undefined) return 0;
    const valuesOf = (of: NonNullable<typeof after>) =>
      Object.fromEntries(
        concerned.map(({ plan: { column } }) => [column, codec.valueOf(column, of)]),
      );
    const claims = claimsOf(
      runtime,
      concerned,
      { rowKey: key.text, locator: this.#route.locator },
      valuesOf(raw),
      after && valuesOf(after),
    );
    // The row is locked: that it holds the value already was found before, or is raw SQL's doing.
    return this.#inStep(lookups, claims, statement, () => {});
  }

  /** Ends a transaction that can not be committed, whatever its body made of the error. */
  assertIntact(): void {
    if (this.#broken !== undefined) throw this.#broken;
  }

  /** The transaction was committed. */
  async committed(): Promise<void> {
    await this.#writes?.apply(this.#ending(this.#allClaims), this.#deadline);
  }

  /** The transaction failed. What nobody knows the outcome of is left to be settled. */
  async failed(error: unknown): Promise<void> {
    if (isMeridianError(error) && error.outcome === 'unknown') return;
    await this.#writes?.revoke(this.#ending(this.#allClaims), this.#deadline);
  }

  /** Forgets what caches hold under the values that were claimed. */
  async forget(): Promise<'done' | 'pending'> {
    const results = await Promise.all(
      [...this.#claims].map(([lookups, claims]) => forgetClaims(lookups, claims)),
    );
    return results.includes('pending') ? 'pending' : 'done';
  }

  async #inStep(
    lookups: TableLookups,
    claims: readonly Claim[],
    statement: Statement,
    onOwn: (claim: Claim) => void,
  ): Promise<number> {
    if (claims.length === 0) return (await this.#scope.run(statement)).affected;
    const { writes } = lookups;
    this.#writes = writes;
    this.#marked ??= markApplied(this.#scope, this.#token);
    await this.#marked;
    const taken = new Map<Claim, Claimed>();
    const whichAre = (what: Claimed) => claims.filter((claim) => taken.get(claim) === what);
    let affected: number;
    try {
      await this.#orBreak(writes.claimWithin(this.#token, claims, this.#deadline, taken));
      for (const claim of whichAre('own')) onOwn(claim);
      ({ affected } = await this.#scope.run(statement));
    } catch (error) {
      // The body may go on without this statement; what an earlier one claimed stays claimed.
      await this.#orBreak(writes.release(this.#token, whichAre('claimed'), this.#deadline));
      throw error;
    }
    if (!this.#claims.get(lookups)?.push(...claims)) this.#claims.set(lookups, [...claims]);
    await this.#orBreak(writes.reverse(this.#token, whichAre('reversed'), this.#deadline));
    return affected;
  }

  /**
   * A claim that stays, or may have been made, without its statement would be carried out by the
   * commit: the row would go on holding a value that its entry has left.
   */
  async #orBreak(work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      if (!(error instanceof DuplicateKeyError)) this.#broken ??= error;
      throw error;
    }
  }

  get #allClaims(): Claim[] {
    return [...this.#claims.values()].flat();
  }

  #ending(claims: readonly Claim[]) {
    return { token: this.#token, claims, primary: this.#route.shard.primary };
  }
}
