import type { z } from 'zod';
import { RowError } from '../../errors/row-error.ts';
import type { SqlValue } from '../../mysql/sql/sql.ts';
import { type SqlToken, tokensOf } from '../../mysql/sql/sql-tokens.ts';
import { isUuid } from '../../sharding/ids/uuid.ts';
import { columnKind } from '../schema/column-kind.ts';
import { type NamedColumn, parameterColumns } from './parameter-columns.ts';

/** As much of a declared table as tells the form of its columns. */
export interface TableForms {
  readonly name: string;
  readonly columns: Readonly<Record<string, string | undefined>>;
  readonly schema: { readonly shape: Readonly<Record<string, z.core.$ZodType>> };
}

/**
 * Refuses parameters that can't be meant as what the server takes them for, where the text shows at which
 * column of a declared table a `?` stands. A column that has the same name in another table of the
 * statement, where it is of another kind, is left alone unless the text says which is meant.
 *
 * The text of a UUID and 16 bytes are never equal to the server, so it finds nothing, and as the end of a
 * page finds its rows again. A number beside a text it compares as numbers: 5 finds '05', '5 ' and '5 apples'.
 *
 * @param tables the same array for the same tables: what a text means to them is remembered by it.
 * @param kind a change also stores parameters, and a number is stored as its text.
 * @throws {RowError} that names the parameter and the column.
 */
export function assertParameterForms(
  kind: 'read' | 'change',
  sql: string,
  params: readonly SqlValue[],
  tables: readonly TableForms[],
): void {
  const isSuspect = kind === 'read' ? (one: SqlValue) => isUuid(one) || isNumber(one) : isUuid;
  if (!params.some(isSuspect)) return;
  const columns = formsOf(sql, tables);
  const problems = params.flatMap((value, index) => {
    const { bytes, text } = columns[index] ?? nothing;
    const message =
      bytes !== undefined && isUuid(value)
        ? `is the text of a UUID, and ${bytes} holds 16 bytes; pass uuidToBytes(id)`
        : text !== undefined && kind === 'read' && isNumber(value)
          ? `is a number, and ${text} holds text, which would be compared as numbers; pass String(value)`
          : undefined;
    return message === undefined ? [] : [{ path: `[${index}]`, message }];
  });
  if (problems.length > 0) throw new RowError('parameters', problems);
}

function isNumber(value: SqlValue): boolean {
  return typeof value === 'number' || typeof value === 'bigint';
}

/** The column at which a parameter stands, if it holds bytes of UUIDs or text. */
interface ParameterColumn {
  readonly bytes?: string | undefined;
  readonly text?: string | undefined;
}

const nothing: ParameterColumn = {};
const known = new WeakMap<readonly TableForms[], Map<string, readonly ParameterColumn[]>>();
const mostKnown = 1_000;

/** What the parameters of a text stand at. */
function formsOf(sql: string, tables: readonly TableForms[]): readonly ParameterColumn[] {
  const texts = known.get(tables) ?? new Map<string, readonly ParameterColumn[]>();
  known.set(tables, texts);
  const before = texts.get(sql);
  if (before !== undefined) return before;
  const tokens = tokensOf(sql);
  const named = tablesIn(tokens, tables);
  const columns =
    named.length === 0
      ? []
      : parameterColumns(tokens).map(
          (column): ParameterColumn =>
            column === undefined
              ? nothing
              : {
                  bytes: columnIf(holdsBytes, column, named),
                  text: columnIf(holdsText, column, named),
                },
        );
  if (texts.size >= mostKnown) texts.clear();
  texts.set(sql, columns);
  return columns;
}

interface NamedTable {
  readonly table: TableForms;
  /** What columns of it may have before their dot, in upper case. */
  readonly as: ReadonlySet<string>;
}

function holdsBytes({ columns }: TableForms, column: string): boolean {
  return columns[column] === 'uuid-binary';
}

function holdsText({ columns, schema }: TableForms, column: string): boolean {
  const type = schema.shape[column];
  if (columns[column] !== undefined || type === undefined) return false;
  const kind = columnKind(type);
  return typeof kind === 'object' && (kind.kind === 'string' || kind.kind === 'uuid');
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

/** A column as it is declared, if it is of a kind whichever table is meant. */
function columnIf(
  isOfKind: (table: TableForms, column: string) => boolean,
  { name, of }: NamedColumn,
  named: readonly NamedTable[],
): string | undefined {
  const meant = named.flatMap(({ table, as }) => {
    const column = of === undefined || as.has(of) ? columnOf(table, name) : undefined;
    return column === undefined ? [] : [{ table, column }];
  });
  const [first] = meant;
  return first !== undefined && meant.every(({ table, column }) => isOfKind(table, column))
    ? `${first.table.name}.${first.column}`
    : undefined;
}

function columnOf({ schema }: TableForms, name: string): string | undefined {
  return Object.keys(schema.shape).find((column) => column.toUpperCase() === name);
}
