import { MergeError } from '../../errors/scatter-error.ts';
import type { PlacedTable } from './placed-table.ts';
import type { Spread } from './query-scope.ts';

/** Of what gives the same rows on each shard. */
export function repeated(reference: string | undefined): MergeError {
  return reference === undefined
    ? new MergeError(
        'A statement without FROM, or whose FROM names no table, reads no rows of a shard, so each shard would answer it once. ' +
          'Ask one with at(key).query(), or each of them with everywhere.each().',
      )
    : new MergeError(
        `'${reference}' is a reference table, of which every shard has all rows: they would come once from each. ` +
          'Read it with all(), or shard by shard with everywhere.each().',
      );
}

/** Of an outer join that keeps rows which every shard has. */
export function keptWithout({ name }: Spread): MergeError {
  return new MergeError(
    `Rows are kept that have none in '${name}', and each shard knows that of its own rows only. ` +
      'Turn the join around, or ask shard by shard with everywhere.each().',
  );
}

/** Of a view; `partial` is what of it each shard would work out over its own rows. */
export function hiding(view: string, partial: string | undefined): MergeError {
  return new MergeError(
    `'${view}' is a view${partial === undefined ? ', and what it selects is not known here, or not alike on all shards' : ` with '${partial}', which is worked out by each shard over its own rows`}. ` +
      'Name its tables in the statement, or ask shard by shard with everywhere.each().',
  );
}

/** Of a stored function that is more than a formula. */
export function looking(name: string): MergeError {
  return new MergeError(
    `'${name}()' is a stored function that reads rows, or whose body may not be seen, and each shard would look among its own rows only. ` +
      'Call one that reads none, or ask shard by shard with everywhere.each().',
  );
}

export function besides(other: Spread, first: Spread | undefined): MergeError {
  const link = linkOf(first?.table, other.table);
  const beside = first === undefined ? 'for itself' : `beside '${first.name}'`;
  return new MergeError(
    `'${other.name}' is read ${beside}, and each shard would look among its own rows only. ${link} ` +
      'Or ask shard by shard with everywhere.each().',
  );
}

/** How two tables can be read together. */
function linkOf(first: PlacedTable | undefined, other: PlacedTable | undefined): string {
  if (first === undefined || other === undefined) {
    return (
      'Rows are put together that are on one shard: those of tables that the service declares, joined by name with equal ' +
      'owners; a table that every shard holds is declared with reference: true.'
    );
  }
  if (first.home !== other.home) {
    return 'They are of two groups, whose owners are on shards of their own: make them tables of one group.';
  }
  const pair = `${first.name}.${first.owner.name} = ${other.name}.${other.owner.name}`;
  if (first.owner.form !== other.owner.form) {
    return 'Their owners are of two forms, which the server may call equal on two shards.';
  }
  if (first.owner.isExact && other.owner.isExact) {
    return `Rows of one owner are on one shard: add ${pair} to the condition of the join, or to WHERE.`;
  }
  return (
    `Rows of one owner are on one shard, but by the collation of the column 'ada' and 'ADA', or 'ada ', may be equal: ` +
    `add BINARY ${pair.replace('= ', '= BINARY ')} to the condition of the join, beside the plain one.`
  );
}
