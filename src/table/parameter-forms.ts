import { RowError } from '../errors/row-error.ts';
import type { SqlValue } from '../mysql/sql.ts';
import { type SqlToken, tokensOf } from '../mysql/sql-tokens.ts';
import { isUuid } from '../sharding/uuid.ts';
import { type NamedColumn, parameterColumns } from './parameter-columns.ts';

/** As much of a declared table as tells the form of its columns. */
export interface TableForms {
  readonly name: string;
  readonly columns: Readonly<Record<string, string | undefined>>;
  readonly schema: { readonly shape: Readonly<Record<string, unknown>> };
}

/**
 * The text of a UUID and its 16 bytes are never equal to the server, so that a parameter in the wrong
 * form finds nothing, and as the end of a page finds its rows again. Refused where the text shows
 * that a `?` stands at a `uuid-binary` column of a declared table; a column that has the same name in
 * another table of the statement, where it is text, is left alone unless the text says which is meant.
 *
 * @param tables the same array for the same tables: what a text means to them is remembered by it.
 * @throws {RowError} that names the parameter and the column.
 */
export function assertUuidForms(
  sql: string,
  params: readonly SqlValue[],
  tables: readonly TableForms[],
): void {
  if (!params.some(isUuid) || !tables.some(hasBytes)) return;
  const columns = byteColumns(sql, tables);
  const problems = params.flatMap((value, index) => {
    const column = columns[index];
    if (column === undefined || !isUuid(value)) return [];
    return [
      {
        path: `[${index}]`,
        message: `is the text of a UUID, and ${column} holds 16 bytes; pass uuidToBytes(id)`,
      },
    ];
  });
  if (problems.length > 0) throw new RowError('parameters', problems);
}

const known = new WeakMap<readonly TableForms[], Map<string, readonly (string | undefined)[]>>();
const mostKnown = 1_000;

/** The columns of 16 bytes at which the parameters of a text stand. */
function byteColumns(sql: string, tables: readonly TableForms[]): readonly (string | undefined)[] {
  const texts = known.get(tables) ?? new Map<string, readonly (string | undefined)[]>();
  known.set(tables, texts);
  const before = texts.get(sql);
  if (before !== undefined) return before;
  const tokens = tokensOf(sql);
  const named = tablesIn(tokens, tables);
  const columns = named.some(({ table }) => hasBytes(table))
    ? parameterColumns(tokens).map((column) => column && byteColumn(column, named))
    : [];
  if (texts.size >= mostKnown) texts.clear();
  texts.set(sql, columns);
  return columns;
}

interface NamedTable {
  readonly table: TableForms;
  /** What columns of it may have before their dot, in upper case. */
  readonly as: ReadonlySet<string>;
}

function hasBytes({ columns }: TableForms): boolean {
  return Object.values(columns).includes('uuid-binary');
}

/** The declared tables that a text names, with their aliases. */
function tablesIn(tokens: readonly SqlToken[], tables: readonly TableForms[]): NamedTable[] {
  const byName = new Map(tables.map((table) => [table.name.toUpperCase(), table]));
  const found = new Map<TableForms, Set<string>>();
  for (const [index, { kind, text }] of tokens.entries()) {
    if (kind !== 'word' && kind !== 'name') continue;
    const table = byName.get(text.toUpperCase());
    if (table === undefined) continue;
    const as = found.get(table) ?? new Set([table.name.toUpperCase()]);
    const alias = tokens[tokens[index + 1]?.text === 'AS' ? index + 2 : index + 1];
    if (alias?.kind === 'word' || alias?.kind === 'name') as.add(alias.text.toUpperCase());
    found.set(table, as);
  }
  return [...found].map(([table, as]) => ({ table, as }));
}

/** A column as it is declared, if it holds bytes whichever table is meant. */
function byteColumn({ name, of }: NamedColumn, named: readonly NamedTable[]): string | undefined {
  const meant = named.flatMap(({ table, as }) => {
    const column = of === undefined || as.has(of) ? columnOf(table, name) : undefined;
    return column === undefined ? [] : [{ table, column }];
  });
  const [first] = meant;
  const isBytes = meant.every(({ table, column }) => table.columns[column] === 'uuid-binary');
  return first !== undefined && isBytes ? `${first.table.name}.${first.column}` : undefined;
}

function columnOf({ schema }: TableForms, name: string): string | undefined {
  return Object.keys(schema.shape).find((column) => column.toUpperCase() === name);
}
