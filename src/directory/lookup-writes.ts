import type { Committed, TransactionConfig } from '../commit/transaction.ts';
import type { TransactionScope } from '../commit/transaction-scope.ts';
import { DuplicateKeyError, RolledBackError } from '../errors/database-error.ts';
import type { Statement } from '../mysql/sql/sql.ts';
import type { Deadline } from '../resilience/time/deadline.ts';
import type { Route } from '../routing/route.ts';
import { ReadPath } from '../rows/reads/read-path.ts';
import type { RowKey } from '../rows/row-codec.ts';
import type { RowSchema } from '../rows/schema/define-table.ts';
import type { TableRuntime } from '../rows/table-runtime.ts';
import type { PlannedChange, PlannedRow } from '../rows/writes/write-plan.ts';
import type { Endpoint } from '../topology/topology.ts';
import type { Claim } from './claim.ts';
import { claimsOf, holdsSame } from './lookup-claims.ts';
import { cacheKeyOf } from './lookup-values.ts';
import type { TableLookup, TableLookups } from './table-lookups.ts';

/** How often a change starts over because the row's values changed while it prepared. */
const attempts = 5;

/** What a change of a row did. */
export interface RowChange {
  readonly affected: number;
  readonly gtid: string | undefined;
}

/** The row was changed between being read and being locked. */
class RowChanged extends Error {}

/** Forgets what caches hold under the values that were claimed. */
export async function forgetClaims(
  lookups: TableLookups,
  claims: readonly Claim[],
): Promise<'done' | 'pending'> {
  const keys = new Map<TableLookup, string[]>();
  for (const { column, value } of claims) {
    const lookup = lookups.find(column);
    if (lookup?.cache === undefined) continue;
    const key = cacheKeyOf(value);
    if (!keys.get(lookup)?.push(key)) keys.set(lookup, [key]);
  }
  const results = await Promise.all(
    [...keys].map(([{ cache }, texts]) => cache?.invalidate(texts) ?? 'done'),
  );
  return results.includes('pending') ? 'pending' : 'done';
}

/** Writes of rows whose values are unique over all shards, in step with the directory. */
export class LookupWrites<Schema extends RowSchema> {
  readonly #runtime: TableRuntime<Schema>;
  readonly #lookups: TableLookups;
  readonly #reads: ReadPath<Schema>;

  constructor(runtime: TableRuntime<Schema>, lookups: TableLookups) {
    this.#runtime = runtime;
    this.#lookups = lookups;
    this.#reads = new ReadPath(runtime);
  }

  /** What new rows have to claim. */
  claimsOf(rows: readonly PlannedRow<Schema>[]): Claim[] {
    return rows.flatMap(({ row, key, route: { locator } }) =>
      claimsOf(this.#runtime, this.#lookups.all, { rowKey: key.text, locator }, null, row),
    );
  }

  /** Whether a change concerns the directory. */
  concerns({ after }: PlannedChange): boolean {
    return after === null || this.#lookups.among(Object.keys(after)).length > 0;
  }

  /** Inserts rows of one shard, all or none, by a body that does just that. */
  insert<T>(
    primary: Endpoint,
    claims: readonly Claim[],
    deadline: Deadline,
    body: (scope: TransactionScope) => Promise<T>,
    config?: TransactionConfig,
  ): Promise<Committed<T>> {
    return this.#lookups.writes.write(
      primary,
      claims,
      deadline,
      ({ table, column }) => {
        throw new DuplicateKeyError(`This row of '${table}' exists already, '${column}' and all.`, {
          context: { table, lookup: column },
        });
      },
      body,
      config,
    );
  }

  /**
   * Changes or deletes one row.
   *
   * @param onPlan is told where the row is, and which values the change concerns, before any of it is
   * sent.
   */
  async change(
    { key, statementAt, after }: PlannedChange,
    deadline: Deadline,
    onPlan: (route: Route, claims: readonly Claim[]) => void,
  ): Promise<RowChange> {
    const { codec } = this.#runtime;
    const lookups = after === null ? this.#lookups.all : this.#lookups.among(Object.keys(after));
    const patch =
      after &&
      Object.fromEntries(
        lookups.map(({ plan: { column } }) => [column, codec.valueOf(column, after)]),
      );
    for (let attempt = 1; attempt <= attempts; attempt++) {
      const { row: before, route } = await this.#reads.locate(codec.keyOfText(key.text), deadline);
      if (before === null) return { affected: 0, gtid: undefined };
      const statement = statementAt(route);
      const claiming = { rowKey: key.text, locator: route.locator };
      const claims = claimsOf(this.#runtime, lookups, claiming, before, patch);
      onPlan(route, claims);
      try {
        const { value, gtid } = await this.#inStep(route.shard.primary, claims, deadline, {
          key,
          isAsRead: (now) => holdsSame(lookups, before, now),
          statement,
        });
        return { affected: value, gtid };
      } catch (error) {
        if (!(error instanceof RowChanged)) throw error;
      }
    }
    throw new RolledBackError(
      `This row of '${this.#runtime.table.name}' was changed by others again and again meanwhile. Try again.`,
      { context: { table: this.#runtime.table.name } },
    );
  }

  /** The row's own transaction: the row must still hold what was claimed for. */
  #inStep(
    primary: Endpoint,
    claims: readonly Claim[],
    deadline: Deadline,
    { key, isAsRead, statement }: LockedChange,
  ): Promise<Committed<number>> {
    const { codec, statements } = this.#runtime;
    const onOwn = () => {
      throw new RowChanged();
    };
    return this.#lookups.writes.write(primary, claims, deadline, onOwn, async (scope) => {
      const { rows } = await scope.run(statements.lockByKeys([key.param]));
      const raw = rows.find((row) => codec.identityOf(row) === key.identity);
      if (raw === undefined || !isAsRead((column) => codec.valueOf(column, raw))) {
        throw new RowChanged();
      }
      return (await scope.run(statement)).affected;
    });
  }
}

interface LockedChange {
  readonly key: RowKey;
  readonly statement: Statement;
  /** Whether the locked row holds what it held when it was read. */
  isAsRead(now: (column: string) => unknown): boolean;
}
