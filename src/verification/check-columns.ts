import { didYouMean } from '../config/did-you-mean.ts';
import type { Problem } from '../errors/config-error.ts';
import type { ColumnShape, TableShape } from '../mysql/schema/table-shape.ts';
import type { StoredAs } from '../rows/schema/column-codec.ts';
import type { PlannedColumn } from '../rows/schema/planned-column.ts';
import type { RowPlan } from '../rows/schema/table-plan.ts';

const integers = ['tinyint', 'smallint', 'mediumint', 'int', 'bigint'];
const texts = ['char', 'varchar', 'tinytext', 'text', 'mediumtext', 'longtext'];

/** The column types that hold every value of a kind, and give it back unchanged. */
const fitting: Record<StoredAs, readonly string[]> = {
  uuid: ['char', 'varchar', 'uuid'],
  'uuid-binary': ['binary'],
  string: [...texts, 'enum'],
  'date-text': ['date'],
  integer: integers,
  number: ['double'],
  bigint: integers,
  boolean: ['tinyint'],
  date: ['datetime', 'timestamp'],
  'datetime-text': ['datetime', 'timestamp'],
  json: ['json', ...texts.slice(2)],
  decimal: ['decimal'],
  bytes: ['binary', 'varbinary', 'tinyblob', 'blob', 'mediumblob', 'longblob'],
};

/** Holds a table's plan against what a shard's database says its columns are. */
export function checkColumns(
  { label, table, columns }: RowPlan,
  shapes: ReadonlyMap<string, TableShape>,
  shard: string,
  problems: Problem[],
): void {
  const report = (path: string, message: string) => {
    problems.push({
      path: ['tables', label, path].filter(Boolean).join('.'),
      message: `${message} (on shard ${shard})`,
    });
  };
  const shape = shapes.get(table.name);
  if (shape === undefined) {
    report('', `there is no table '${table.name}'${didYouMean(table.name, shapes.keys())}`);
    return;
  }
  if (shape.primaryKey.length !== 1 || shape.primaryKey[0] !== table.primaryKey) {
    const actual = shape.primaryKey.join(', ') || 'none';
    report(
      'primaryKey',
      `the table's primary key is (${actual}), not (${table.primaryKey}); ${keyCure(shape.primaryKey.length)}`,
    );
  }
  for (const [name, planned] of columns) {
    const column = shape.columns.get(name);
    if (column === undefined) {
      report(
        `schema.${name}`,
        `the table has no such column${didYouMean(name, shape.columns.keys())}`,
      );
      continue;
    }
    const misfit = misfitOf(planned, column);
    if (misfit !== undefined)
      report(`schema.${name}`, `column type ${column.columnType}: ${misfit}`);
  }
  for (const column of shape.columns.values()) {
    if (columns.has(column.name) || column.nullable || column.hasDefault || column.generated)
      continue;
    report('schema', `column '${column.name}' needs a value, but the schema does not know it`);
  }
}

function misfitOf(
  { storedAs, nullable, optional, members }: PlannedColumn,
  column: ColumnShape,
): string | undefined {
  if (column.generated) return 'its values are computed by the server; leave it out of the schema';
  if ((nullable || optional) && !column.nullable) return 'is NOT NULL, but the schema allows none';
  const types = fitting[storedAs];
  if (!types.includes(column.dataType)) {
    return (
      misfitReason(storedAs, column) ?? `cannot hold ${storedAs} values; use ${types.join(' or ')}`
    );
  }
  switch (storedAs) {
    case 'uuid':
      return column.length !== undefined && column.length < 36
        ? 'is shorter than a UUID'
        : undefined;
    case 'uuid-binary':
      return column.length === 16 ? undefined : 'must be BINARY(16)';
    case 'date':
      if (column.fraction === 3) return undefined;
      return (column.fraction ?? 0) > 3
        ? `is finer than the milliseconds of a Date; use ${column.dataType.toUpperCase()}(3), or z.string() with columns: { …: 'datetime-text' }`
        : `would round milliseconds; use ${column.dataType.toUpperCase()}(3), or z.string() with columns: { …: 'datetime-text' }`;
    case 'number':
      // DOUBLE(8,2): unlike DECIMAL it says nothing when it rounds.
      return /\(\d+,\d+\)/.test(column.columnType)
        ? 'would round to its decimals; use DOUBLE'
        : undefined;
    case 'string':
      if (column.dataType !== 'enum') return undefined;
      return members?.every((member) => enumMembers(column.columnType).has(member))
        ? undefined
        : 'lacks members of the schema; use z.enum with the same texts';
    default:
      return undefined;
  }
}

const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', '0': '\0' };

/** The members of an ENUM, out of its type as information_schema spells it. */
function enumMembers(columnType: string): ReadonlySet<string> {
  const quoted = columnType.matchAll(/'((?:[^'\\]|''|\\[\s\S])*)'/g);
  return new Set(
    Array.from(quoted, ([, member = '']) =>
      member.replace(/''|\\([\s\S])/g, (_, escaped?: string) =>
        escaped === undefined ? "'" : (escapes[escaped] ?? escaped),
      ),
    ),
  );
}

function misfitReason(storedAs: StoredAs, { dataType }: ColumnShape): string | undefined {
  if (storedAs === 'uuid' && dataType === 'binary') return "set columns: { …: 'uuid-binary' }";
  if (storedAs === 'number' && integers.includes(dataType))
    return 'would round fractions; use z.int()';
  if (storedAs === 'string' && (dataType === 'datetime' || dataType === 'timestamp'))
    return "use z.date(), or set columns: { …: 'datetime-text' }";
  if (storedAs === 'number' && dataType === 'float') return 'keeps 7 digits; use DOUBLE';
  if (storedAs === 'string' && dataType === 'decimal') return "set columns: { …: 'decimal' }";
  if (storedAs === 'number' && dataType === 'decimal')
    return "use z.string() with columns: { …: 'decimal' }";
  return undefined;
}

/** What the codecs and statements, built once, rely on: it must be the same on every shard. */
export function checkAgreement(
  { label, table, columns }: RowPlan & { readonly table: { readonly shardKey?: string } },
  first: { readonly shard: string; readonly shape: TableShape | undefined },
  other: { readonly shard: string; readonly shape: TableShape | undefined },
  problems: Problem[],
): void {
  for (const name of columns.keys()) {
    const here = first.shape?.columns.get(name);
    const there = other.shape?.columns.get(name);
    if (here === undefined || there === undefined) continue;
    const isKey = name === table.primaryKey || name === table.shardKey;
    if (trait(here, isKey) === trait(there, isKey)) continue;
    problems.push({
      path: `tables.${label}.schema.${name}`,
      message:
        `is ${described(here)} on shard ${first.shard} but ${described(there)} on shard ${other.shard}; ` +
        'make them the same',
    });
  }
}

/** A longer VARCHAR on one shard, as while a migration runs, is harmless; another scale is not. */
function trait({ dataType, columnType, length, collation }: ColumnShape, isKey: boolean): string {
  const exact = dataType === 'decimal' ? columnType : dataType === 'binary' ? length : undefined;
  return JSON.stringify([dataType, exact, isKey ? collation : undefined]);
}

function described({ columnType, collation }: ColumnShape): string {
  return collation === undefined ? columnType : `${columnType} ${collation}`;
}

function keyCure(columns: number): string {
  if (columns === 1) return 'name the one that it has';
  return columns === 0
    ? 'give it one, or, if it is a view, leave it out of the tables and read it with raw SQL'
    : 'it must be of one column: give the table one of its own, a UUID say, and a unique index on these';
}
